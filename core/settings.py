"""Every setting of the house in one typed place: environment variables UNCONFOUND_*, or the same names in a `.env` file."""

import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import UserError
from core.system.places import folder_of, is_place, sqlite_url

PROJECT = Path(__file__).resolve().parent.parent
MEBI = 1024 * 1024


_SIGN_IN = ("oidc_metadata_url", "oidc_client_id", "oidc_client_secret", "oidc_cookie_secret", "public_url")
"""All of them, or none of those that begin with oidc."""


class Settings(BaseSettings):
    """Where things are kept, and the caps that keep one person's mistake from being everybody's."""

    model_config = SettingsConfigDict(env_prefix="UNCONFOUND_", env_file=PROJECT / ".env", extra="ignore", frozen=True)

    home: Path = Field(PROJECT / "data" / "store", description="Folder of the database and the artifacts")
    database_url: str | None = Field(
        None, repr=False, description="postgresql://user:password@host/database; a SQLite file in `home` when not given"
    )
    artifacts_url: str | None = Field(
        None,
        repr=False,
        description="Folder or fsspec URL of the artifacts (s3://bucket/prefix); `home/artifacts` when not given",
    )
    artifacts_cache_mb: int = Field(
        20_000, ge=0, description="How much of a remote artifact root may lie in `home/cache`, in MiB"
    )
    local_models: list[Path] = Field(
        [], description='Folders below which a local encoder may be loaded, as JSON: ["/srv/models"]'
    )

    max_upload_mb: int = Field(200, ge=1, description="Largest file that is read, in MiB")
    max_rows: int = Field(1_000_000, ge=10, description="Most rows of a file that is read")
    max_columns: int = Field(200, ge=2, description="Most columns of a file that is read")
    max_cell_chars: int = Field(100_000, ge=100, description="Longest cell of a file that is read, in characters")
    max_epochs: int = Field(200, ge=1, description="Most passes over the training set, or tuning epochs of a round")
    max_model_millions: int = Field(500, ge=1, le=500, description="Largest encoder, in millions of parameters")
    max_queue: int = Field(500, ge=1, description="Jobs that may wait at once")
    max_job_hours: float = Field(48.0, gt=0, description="A job that runs longer is ended")
    hung_minutes: float = Field(30.0, gt=0, description="A job that reports no progress for so long is told as hung")
    hung_end_minutes: float = Field(
        120.0, gt=0, description="A job that reports no progress for so long is ended and put back into the queue"
    )
    deleted_days: float = Field(7.0, ge=0, description="For so long a deleted run can be brought back, in days")
    min_free_mb: int = Field(500, ge=0, description="Free disk space below which no job is started, in MiB")

    api_token: SecretStr | None = Field(
        None, min_length=16, description="Token of the JSON API; what writes is refused without one; see docs/api.md"
    )

    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        [],
        description="Names, with commas between, that the server answers to besides localhost and bare addresses; * for any",
    )
    proxy_signs_in: bool = Field(
        False, description="A proxy before the server signs people in, so it may be reached from other machines"
    )

    oidc_metadata_url: str | None = Field(
        None,
        pattern=r"^https?://\S+/\.well-known/\S+$",
        description="Where the OpenID Connect provider describes itself (…/.well-known/openid-configuration); see docs/deploy.md",
    )
    oidc_client_id: str | None = Field(None, min_length=1, description="What the provider calls this server")
    oidc_client_secret: SecretStr | None = Field(None, min_length=1, description="What the provider knows it by")
    oidc_cookie_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="Signs the cookies of people who have signed in; another one signs everybody out",
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#\s@]+(/[^?#\s]*)?$",
        description="The address that people type, base path included; the provider sends them back to it",
    )
    sign_in_hours: float = Field(24.0, gt=0, le=720, description="After so long one signs in anew")
    oidc_trust_email: bool = Field(
        False, description="Take a provider's e-mail addresses as verified where it does not say whether they are"
    )
    allowed_people: Annotated[list[str], NoDecode] = Field(
        [],
        description="E-mail addresses and @domains, with commas between, that may come in; whoever signs in, when not given",
    )
    admins: Annotated[list[str], NoDecode] = Field(
        [], description="E-mail addresses, with commas between, of those who may change what belongs to others"
    )
    max_queue_per_person: int = Field(
        100, ge=1, description="Jobs of one person that may wait at once, where people sign in"
    )

    threads: int | None = Field(None, ge=1, description="CPU threads of a job; all cores when not given")
    ranks: int = Field(
        1, ge=1, le=64, description="Processes of a job, each with a GPU of its own; without GPUs they share the CPU"
    )
    demo: bool = Field(True, description="Put the precomputed demo into an empty store")
    calibrate: bool = Field(True, description="Measure this machine's speed when the worker has nothing to do")
    spare_process: bool = Field(
        True, description="Keep a process ready for the next job of each device, with all loaded (some 360 MB each)"
    )
    start_worker: bool = Field(
        True, description="Start a worker beside the dashboard or command; not where one is a service of its own"
    )
    worker_idle_seconds: float = Field(
        600.0, gt=0, description="An unwatched worker with nothing to do leaves after this"
    )
    ray_address: str | None = Field(
        None, pattern=r"^https?://\S+$", description="Dashboard of the Ray cluster that runs jobs; see docs/ray.md"
    )
    ray_cpus_per_job: float | None = Field(None, gt=0, description="Run a job in Ray on so many cores, not on a GPU")
    ray_ahead: int = Field(0, ge=0, description="Jobs given to Ray beyond those that fit, for an autoscaler to see")
    ray_command: str | None = Field(None, description="Shell command that runs a job on a node; its id is appended")
    ray_send_settings: bool = Field(True, description="Send these settings with a job; not where nodes have their own")
    cancel_grace_seconds: float = Field(15.0, ge=0, description="Time between asking a job to stop and ending it")

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL, with its password."""
        return self.database_url or sqlite_url(self.home.resolve() / "unconfound.sqlite")

    @property
    def max_parameters(self) -> int:
        """Most parameters of an encoder."""
        return self.max_model_millions * 1_000_000

    @property
    def signs_in(self) -> bool:
        """Whether people sign in at this server itself."""
        return self.oidc_metadata_url is not None

    @field_validator("allowed_hosts", "allowed_people", "admins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value

    @field_validator("allowed_people", "admins")
    @classmethod
    def _people(cls, value: list[str], info: ValidationInfo) -> list[str]:
        pattern = r"[^@\s]*@[^@\s]+" if info.field_name == "allowed_people" else r"[^@\s]+@[^@\s]+"
        wrong = next((one for one in value if not re.fullmatch(pattern, one)), None)
        if wrong is not None:
            raise ValueError(f"{wrong!r} is no e-mail address{' or @domain' if info.field_name != 'admins' else ''}")
        return [one.casefold() for one in value]

    @model_validator(mode="after")
    def _whole_sign_in(self) -> Self:
        needed = {name: getattr(self, name) for name in _SIGN_IN}
        missing = [f"UNCONFOUND_{name.upper()}" for name, value in needed.items() if value is None]
        if missing and any(getattr(self, name) is not None for name in _SIGN_IN if name.startswith("oidc_")):
            raise ValueError(f"to sign people in it also needs {', '.join(missing)}")
        if not self.signs_in and (self.allowed_people or self.admins):
            raise ValueError(
                "UNCONFOUND_ALLOWED_PEOPLE and UNCONFOUND_ADMINS mean nothing while nobody signs in; set UNCONFOUND_OIDC_* too"
            )
        return self

    @field_validator("artifacts_url")
    @classmethod
    def _usable_root(cls, value: str | None) -> str | None:
        if value is None or is_place(value):
            return value
        raise ValueError("it has to be a full path, or a URL such as s3://bucket/prefix")

    @property
    def artifacts(self) -> Path:
        """Where artifacts lie on this machine: the root itself, or the cache of a remote one."""
        if self.artifacts_url is None:
            return self.home.resolve() / "artifacts"
        folder = folder_of(self.artifacts_url)
        if folder is not None:
            return Path(folder).resolve()
        return self.home.resolve() / "cache" / sha256(self.artifacts_url.encode()).hexdigest()[:12]

    @property
    def artifacts_remote(self) -> str | None:
        """URL of an artifact root that is no folder of this machine."""
        url = self.artifacts_url
        return None if url is None or folder_of(url) is not None else url


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        UserError: a variable has a value of the wrong kind; the message names it.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        if not name:  # of several settings together
            raise UserError(
                f"The settings do not fit together: {first['msg'].removeprefix('Value error, ')}."
            ) from error
        raise UserError(f"The setting UNCONFOUND_{name} is not usable: {first['msg']}. Correct or unset it.") from error
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder {settings.home} cannot be made ({error.strerror}). Point UNCONFOUND_HOME at a folder you may write to."
        ) from error
    return settings
