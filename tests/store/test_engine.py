"""The store opens, migrates, waits its turn, and says so when it cannot."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

from core.errors import UserError
from core.settings import Settings
from core.store.engine import Store, take_turn
from core.store.migrate import alembic_config
from core.store.schema import known_revisions, revision_of
from core.store.tables import Base, Worker, now


def worker(name: str) -> Worker:
    return Worker(host=name, pid=1, device="cpu", code_version="x")


@pytest.mark.both_databases
def test_migrations_make_exactly_the_tables_that_the_code_declares(store: Store) -> None:
    with store.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []


@pytest.mark.both_databases
def test_schemas_are_told_without_alembic_as_alembic_tells_them(store: Store, settings: Settings) -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert known_revisions() == tuple(one.revision for one in script.walk_revisions())[::-1]
    with store.engine.connect() as connection:
        assert revision_of(connection) == MigrationContext.configure(connection).get_current_revision()
        assert revision_of(connection) == known_revisions()[-1]
    empty = Store(f"sqlite:///{settings.home / 'empty.sqlite'}", settings.artifacts)
    with empty.engine.connect() as connection:
        assert revision_of(connection) is None


@pytest.mark.both_databases
def test_migrating_twice_and_at_the_same_time_is_one_migration(settings: Settings) -> None:
    stores = [Store(settings.url, settings.artifacts) for _ in range(4)]
    failures: list[BaseException] = []

    def migrate(one: Store) -> None:
        try:
            one.migrate()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate, args=(one,)) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert "runs" in inspect(stores[0].engine).get_table_names()


def test_sqlite_is_in_wal_mode_with_foreign_keys(store: Store) -> None:
    with store.reading() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_a_write_takes_its_lock_at_the_start(store: Store) -> None:
    """Two writers that read first would both fail to upgrade; with BEGIN IMMEDIATE the second waits for the first."""
    order: list[str] = []
    inside = threading.Event()

    def first() -> None:
        with store.writing() as session:
            session.scalars(select(Worker)).all()
            inside.set()
            time.sleep(0.3)
            session.add(worker("first"))
            order.append("first")

    def second() -> None:
        inside.wait()
        with store.writing() as session:
            assert [one.host for one in session.scalars(select(Worker))] == ["first"]
            order.append("second")
            session.add(worker("second"))

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == ["first", "second"]


@pytest.mark.both_databases
def test_an_exception_rolls_back(store: Store) -> None:
    def write_and_fail() -> None:
        with store.writing() as session:
            session.add(worker("lost"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with store.reading() as session:
        assert session.scalars(select(Worker)).all() == []


@pytest.mark.both_databases
def test_times_come_back_in_utc(store: Store) -> None:
    moment = now()
    with store.writing() as session:
        session.add(Worker(host="a", pid=1, device="cpu", code_version="x", started_at=moment))
    with store.reading() as session:
        found = session.scalars(select(Worker)).one().started_at
    assert (found, found.utcoffset()) == (moment, timedelta(0))


@pytest.mark.both_databases
def test_a_reading_session_sees_one_moment(store: Store) -> None:
    """What others write meanwhile does not come in between two questions that belong together."""
    with store.reading() as session:
        assert session.scalars(select(Worker)).all() == []
        with store.writing() as other:
            other.add(worker("new"))
        assert session.scalars(select(Worker)).all() == []


@pytest.mark.both_databases
def test_of_several_that_add_what_is_not_there_one_does(store: Store) -> None:
    def add_one(_number: int) -> None:
        with store.writing() as session:
            take_turn(session)
            if session.scalars(select(Worker)).first() is None:
                time.sleep(0.2)
                session.add(worker("only"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_one, range(4)))
    with store.reading() as session:
        assert len(session.scalars(select(Worker)).all()) == 1


def test_a_file_that_is_no_database_is_named(settings: Settings) -> None:
    Path(settings.home / "unconfound.sqlite").write_bytes(
        b"not a database at all, but long enough to be read as one" * 40
    )
    with pytest.raises(UserError, match=r"unconfound\.sqlite is not a readable database"):
        Store(settings.url, settings.artifacts).migrate()


@pytest.mark.both_databases
def test_a_database_from_the_future_is_refused(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UserError, match="newer version of Unconfound"):
        store.migrate()
