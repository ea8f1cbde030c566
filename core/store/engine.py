"""Opening the store: one engine a process, short transactions, and on SQLite a lock taken at the start of every write.

SQLite upgrades a reading transaction to a writing one only when it writes, and then may answer "database is locked" at
once, whatever the busy timeout (two readers cannot both upgrade). So a write says so first: `BEGIN IMMEDIATE` waits its
turn for up to the busy timeout. In WAL mode readers never wait for a writer. On PostgreSQL whoever decides by a row's
content locks that row (`with_for_update`, which SQLite has no need of), and whoever decides by what is not there takes a
turn. A reading transaction sees one moment of the database on both.
"""

import errno
import json
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session, sessionmaker

from core.people import Person
from core.settings import Settings, get_settings
from core.store.artifacts import Artifacts
from core.store.ownership import ACTOR, OwnedSession
from core.store.remote import Remote
from core.store.schema import known_revisions, revision_of
from core.store.trouble import StoreTroubleError, trouble_of
from core.store.url import engine_options, parse_url, place_of

BUSY_SECONDS = 60
PROBE_BYTES = 4096

_SNAPSHOT = {"isolation_level": "REPEATABLE READ"}
_TURN = 0x756E636F6E66  # the advisory lock that PostgreSQL keeps for `take_turn`: "unconf"


class Store:
    """The database and the files beside it.

    It acts for the operator, who may do everything, or for a person (`acting_as`), who may not change what is others'.
    """

    actor: Person | None = None

    def __init__(self, url: str, artifacts: Path, remote: Remote | None = None) -> None:
        self.url = url
        self.artifacts = Artifacts(artifacts, remote)
        self.engine = _engine(url)
        reading = _SNAPSHOT if self.engine.dialect.name == "postgresql" else {}
        self._read = sessionmaker(self.engine.execution_options(**reading), class_=OwnedSession, expire_on_commit=False)
        self._write = sessionmaker(
            self.engine.execution_options(begin="IMMEDIATE"), class_=OwnedSession, expire_on_commit=False
        )

    def acting_as(self, person: Person | None) -> "Store":
        """The same store, for somebody: what he adds is his, and what is another's he cannot change.

        None: for the operator.
        """
        store = copy(self)
        store.actor = person
        return store

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads; rows stay usable after it has closed.

        Raises:
            StoreTroubleError: the database cannot be read at the moment.
        """
        with self._in_words(), self._read(info={ACTOR: self.actor}) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that writes: committed when the block ends, rolled back when it raises.

        Raises:
            StoreTroubleError: the database cannot be written at the moment; nothing was.
            NotYoursError: the store acts for somebody, and what was to be changed is another's; nothing was.
        """
        with self._in_words(), self._write(info={ACTOR: self.actor}) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the database to the newest schema; safe to call from several processes at once.

        Raises:
            UserError: the file is no database, the disk is full or cannot be written, or a newer version made it.
        """
        with self._in_words():
            with self.engine.connect() as connection:
                there = revision_of(connection)
            if there != known_revisions()[-1]:
                from core.store.migrate import upgrade

                upgrade(self)
        self._check_room()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Faults of the database's surroundings as sentences; faults of a statement as they are."""
        try:
            yield
        except DBAPIError as error:
            trouble = trouble_of(error, self.place)
            if trouble is None:
                raise
            raise trouble from error
        except NoConnectionError as error:
            raise StoreTroubleError(
                f"Too many ask {self.place} at once: no connection became free in time. Try again in a minute."
            ) from error

    def _check_room(self) -> None:
        """Write a small file beside a SQLite database, since a full or read-only disk still lets one read it.

        Raises:
            StoreTroubleError: it cannot be written.
        """
        database = self.engine.url.database
        if self.engine.dialect.name != "sqlite" or not database or database == ":memory:":
            return
        probe = Path(database).with_name(f".room.{os.getpid()}.{threading.get_ident()}")
        try:
            with probe.open("wb") as handle:
                handle.write(bytes(PROBE_BYTES))
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            cure = "Free some space." if full else "Check that it may be written."
            raise StoreTroubleError(
                f"Nothing can be written into the folder {probe.parent} ({error.strerror}). {cure}"
            ) from error
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)

    @property
    def place(self) -> str:
        """Where the database is, without a password."""
        return place_of(self.engine.url)


def take_turn(on: Session | Connection) -> None:
    """In a writing transaction, wait until no other one that took a turn is open. On SQLite there never is one."""
    bound = on.get_bind() if isinstance(on, Session) else on
    if bound.dialect.name == "postgresql":
        on.execute(select(func.pg_advisory_xact_lock(_TURN)))


def _engine(text: str) -> Engine:
    url = parse_url(text)
    engine = create_engine(url, json_serializer=_to_json, **engine_options(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _to_json(value: Any) -> str:
    """JSON as both databases take it: numbers that are not finite, which JSON does not know, become null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
def _open(url: str, artifacts: Path, remote: str | None, cache_mb: int) -> Store:
    return Store(url, artifacts, Remote(remote, cache_mb * 2**20) if remote else None)


def open_store(settings: Settings | None = None) -> Store:
    """The store that the settings name; the same object for the same place within a process."""
    settings = settings or get_settings()
    return _open(settings.url, settings.artifacts, settings.artifacts_remote, settings.artifacts_cache_mb)
