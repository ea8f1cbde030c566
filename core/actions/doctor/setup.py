"""Settings that do not exist, or do not go together."""

import difflib
import os
import stat
import tomllib
from collections.abc import Iterator

from core.actions.doctor.finding import Finding
from core.jobs import processes
from core.jobs.devices import devices
from core.jobs.locks import DEVICES
from core.settings import PROJECT, Settings
from core.system import on_windows

_PREFIX = "UNCONFOUND_"
_OURS = {processes.TOKEN, processes.WORKER, processes.OWN_LOG, DEVICES}


def check(settings: Settings) -> Iterator[Finding]:
    """Every doubt about the settings, or that there is none."""
    doubts = [*_unknown(), *_together(settings), *_upload(settings), *_secrets()]
    yield from doubts or [Finding("settings", "ok", "Every setting is known, and they go together.")]


def _unknown() -> Iterator[Finding]:
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and name.upper() not in known | _OURS and not name.startswith(f"{_PREFIX}TEST_"):
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else "Unset it."
            yield Finding("settings", "problem", f"{name} is no setting, and has no effect.", hint)


def _together(settings: Settings) -> Iterator[Finding]:
    sqlite = settings.url.startswith("sqlite")
    local = settings.artifacts_remote is None
    if settings.ray_address and sqlite:
        yield _problem(
            "A Ray cluster is set, but the database is a SQLite file, which its nodes cannot reach.",
            "Set UNCONFOUND_DATABASE_URL to a PostgreSQL database (docs/ray.md).",
        )
    if settings.ray_address and local and settings.artifacts_url is None:
        yield _problem(
            "A Ray cluster is set, but the files are in a folder of this machine.",
            "Set UNCONFOUND_ARTIFACTS_URL to a root that every node has (docs/artifacts.md).",
        )
    if sqlite and not local:
        yield _note(
            "The files are at a remote root, but the rows are in a SQLite file of this machine: no other host can join.",
            "Fine for one machine; else set UNCONFOUND_DATABASE_URL.",
        )
    set_for_ray = [name for name in ("ray_cpus_per_job", "ray_ahead", "ray_command") if getattr(settings, name)]
    if set_for_ray and not settings.ray_address:
        yield _note(
            f"{_names(set_for_ray)} has no effect without UNCONFOUND_RAY_ADDRESS.",
            "Set the address, or unset the rest.",
        )
    if settings.hung_end_minutes < settings.hung_minutes:
        yield _note(
            "A job is ended as hung (UNCONFOUND_HUNG_END_MINUTES) before it is told as hung (UNCONFOUND_HUNG_MINUTES).",
            "Let the first be the longer time.",
        )
    if settings.max_job_hours * 60 < settings.hung_end_minutes:
        yield _note(
            "No job may run as long as it may hang: UNCONFOUND_HUNG_END_MINUTES has no effect.",
            "Make it shorter than UNCONFOUND_MAX_JOB_HOURS.",
        )
    gpus = [one for one in devices() if one.kind == "cuda"]
    if gpus and settings.ranks > len(gpus) and not settings.ray_address:
        yield _problem(
            f"UNCONFOUND_RANKS asks for {settings.ranks} GPUs a job; there are {len(gpus)}, so none will start.",
            f"Set it to {len(gpus)} or less.",
        )
    if settings.api_token is not None and len(set(settings.api_token.get_secret_value())) < 8:
        yield _problem(
            "UNCONFOUND_API_TOKEN is easily guessed: it has fewer than eight different characters.",
            "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )


def _upload(settings: Settings) -> Iterator[Finding]:
    """The page takes what Streamlit takes; the parser reads what our own setting says."""
    config = PROJECT / ".streamlit" / "config.toml"
    said = os.environ.get("STREAMLIT_SERVER_MAX_UPLOAD_SIZE")
    if said is None and config.exists():
        said = str(tomllib.loads(config.read_text(encoding="utf-8")).get("server", {}).get("maxUploadSize", 200))
    if said is not None and said.isdigit() and int(said) != settings.max_upload_mb:
        yield _note(
            f"The page takes uploads of {said} MiB, and {settings.max_upload_mb} MiB are read (UNCONFOUND_MAX_UPLOAD_MB).",
            f"Start the dashboard with STREAMLIT_SERVER_MAX_UPLOAD_SIZE={settings.max_upload_mb}.",
        )


def _secrets() -> Iterator[Finding]:
    for path in (PROJECT / ".env", PROJECT / ".streamlit" / "secrets.toml"):
        if not on_windows() and path.exists() and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            yield _problem(
                f"{path} may hold passwords and can be read by other users of this machine.", f"chmod 600 {path}"
            )


def _names(fields: list[str]) -> str:
    return ", ".join(f"{_PREFIX}{name.upper()}" for name in fields)


def _problem(sentence: str, cure: str) -> Finding:
    return Finding("settings", "problem", sentence, cure)


def _note(sentence: str, cure: str) -> Finding:
    return Finding("settings", "note", sentence, cure)
