"""Which databases there may be: SQLite in a file, PostgreSQL at an address."""

from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from core.errors import UserError

_SECRET = ("password", "sslpassword", "passfile")

_PATIENCE = {"connect_timeout": "10", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
"""Seconds and counts of libpq: a server that vanished without a word is noticed within a minute, not within hours."""


def parse_url(text: str) -> URL:
    """The database that `UNCONFOUND_DATABASE_URL` names; PostgreSQL by psycopg, however its name is written.

    Raises:
        UserError: it is no URL, or of another kind of database. The message does not repeat it, since it may hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UserError(
            "UNCONFOUND_DATABASE_URL is not a URL. Write postgresql://user:password@host/database, "
            "with %40 for an @ and %2F for a / in the password."
        ) from None
    kind = url.drivername.partition("+")[0]
    if kind in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if kind == "sqlite":
        return url
    raise UserError(f"UNCONFOUND_DATABASE_URL names a {kind} database. It has to be a postgresql:// or sqlite:// one.")


def place_of(url: URL) -> str:
    """Where a database is, for messages: without a password, wherever in the URL it stands."""
    return url.difference_update_query(_SECRET).render_as_string(hide_password=True)


def engine_options(url: URL) -> dict[str, Any]:
    """What `create_engine` needs besides the URL, whose own words go first.

    A process of the dashboard reads from a thread for each visitor, a worker and a job from one or two. Connections are
    few on a server (100 by default), so a process keeps four and takes up to twelve more while many ask at once.
    """
    if url.get_backend_name() == "sqlite":
        return {}
    defaults = {**_PATIENCE, "application_name": "unconfound", "client_encoding": "utf8"}
    return {
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        "pool_size": 4,
        "max_overflow": 12,
        "pool_use_lifo": True,
        "connect_args": {
            **{name: value for name, value in defaults.items() if name not in url.query},
            "prepare_threshold": None,  # prepared statements are lost on the way through a pooler such as PgBouncer
        },
    }
