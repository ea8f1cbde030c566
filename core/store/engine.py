"""Opening the store: one engine a process, short transactions, and a lock taken at the start of every write.

SQLite upgrades a reading transaction to a writing one only when it writes, and then may answer "database is locked" at
once, whatever the busy timeout (two readers cannot both upgrade). So a write says so first: `BEGIN IMMEDIATE` waits its
turn for up to the busy timeout. In WAL mode readers never wait for a writer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from core.errors import UserError
from core.settings import Settings, get_settings
from core.store.artifacts import Artifacts

BUSY_SECONDS = 60


class Store:
    """The database and the files beside it."""

    def __init__(self, url: str, artifacts: Path) -> None:
        self.url = url
        self.artifacts = Artifacts(artifacts)
        self.engine = _engine(url)
        self._read = sessionmaker(self.engine, expire_on_commit=False)
        self._write = sessionmaker(self.engine.execution_options(begin="IMMEDIATE"), expire_on_commit=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads; rows stay usable after it has closed."""
        with self._read() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that writes: committed when the block ends, rolled back when it raises."""
        with self._write() as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the database to the newest schema; safe to call from several processes at once.

        Raises:
            UserError: the file is no database, cannot be written, or was made by a newer version.
        """
        from core.store.migrate import upgrade

        try:
            upgrade(self)
        except OperationalError as error:
            raise UserError(
                f"The database {self.place} cannot be opened ({error.orig}). Check that its folder exists and may be written."
            ) from error
        except DatabaseError as error:
            raise UserError(
                f"{self.place} is not a readable database ({error.orig}). Move it away, or restore it from a backup."
            ) from error

    @property
    def place(self) -> str:
        """Where the database is, without a password."""
        return self.engine.url.render_as_string(hide_password=True)


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; _begin_sqlite sends it
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


@lru_cache(maxsize=8)
def _open(url: str, artifacts: Path) -> Store:
    return Store(url, artifacts)


def open_store(settings: Settings | None = None) -> Store:
    """The store that the settings name; the same object for the same place within a process."""
    settings = settings or get_settings()
    return _open(settings.url, settings.artifacts)
