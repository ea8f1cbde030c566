"""Every setting of the house in one typed place: environment variables UNCONFOUND_*, or the same names in a `.env` file."""

from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import UserError

PROJECT = Path(__file__).resolve().parent.parent
MEBI = 1024 * 1024


class Settings(BaseSettings):
    """Where things are kept, and the caps that keep one person's mistake from being everybody's."""

    model_config = SettingsConfigDict(env_prefix="UNCONFOUND_", env_file=PROJECT / ".env", extra="ignore", frozen=True)

    home: Path = Field(PROJECT / "data" / "store", description="Folder of the database and the artifacts")
    database_url: SecretStr | None = Field(
        None, description="postgresql://user:password@host/database; a SQLite file in `home` when not given"
    )
    local_models: list[Path] = Field([], description="Folders below which a local encoder may be loaded")

    max_upload_mb: int = Field(200, ge=1, description="Largest file that is read, in MiB")
    max_rows: int = Field(1_000_000, ge=10)
    max_columns: int = Field(200, ge=2)
    max_cell_chars: int = Field(100_000, ge=100)
    max_epochs: int = Field(200, ge=1)
    max_queue: int = Field(500, ge=1, description="Jobs that may wait at once")
    max_job_hours: float = Field(48.0, gt=0, description="A job that runs longer is ended")
    hung_minutes: float = Field(30.0, gt=0, description="A job that reports no progress for so long is told as hung")
    hung_end_minutes: float = Field(
        120.0, gt=0, description="A job that reports no progress for so long is ended and put back into the queue"
    )
    min_free_mb: int = Field(500, ge=0, description="Free disk space below which no job is started, in MiB")

    threads: int | None = Field(None, ge=1, description="CPU threads of a job; all cores when not given")
    demo: bool = Field(True, description="Put the precomputed demo into an empty store")
    calibrate: bool = Field(True, description="Measure this machine's speed when the worker has nothing to do")
    worker_idle_seconds: float = Field(
        600.0, gt=0, description="An unwatched worker with nothing to do leaves after this"
    )
    cancel_grace_seconds: float = Field(15.0, ge=0, description="Time between asking a job to stop and ending it")

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL, with its password."""
        if self.database_url is not None and self.database_url.get_secret_value():
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home.resolve() / 'unconfound.sqlite'}"

    @property
    def artifacts(self) -> Path:
        """Root of everything that is kept as a file."""
        return self.home.resolve() / "artifacts"


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
        raise UserError(f"The setting UNCONFOUND_{name} is not usable: {first['msg']}. Correct or unset it.") from error
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder {settings.home} cannot be made ({error.strerror}). Point UNCONFOUND_HOME at a folder you may write to."
        ) from error
    return settings
