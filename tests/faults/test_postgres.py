"""PostgreSQL as the store: a server that goes away for a while, hosts whose clocks differ, and a password that nobody sees."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from core.actions.datasets import add_sample
from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.errors import UserError
from core.jobs import presence, queue
from core.jobs.processes import end_tree
from core.jobs.reporter import Reporter
from core.jobs.supervisor import Supervisor, log_path
from core.settings import Settings
from core.store import clock, queries, tables
from core.store.engine import Store
from core.store.tables import Job, Worker
from core.store.trouble import StoreTroubleError
from tests import postgres
from tests.faults.stubs import submit, until


@pytest.fixture
def lone(monkeypatch: pytest.MonkeyPatch) -> Iterator[postgres.Server]:
    """A server of the test's own, to stop and start; the settings point at a fresh database of it."""
    with postgres.serving() as server:
        monkeypatch.setenv("UNCONFOUND_DATABASE_URL", server.fresh(template="migrated"))
        yield server


@pytest.fixture
def on_it(lone: postgres.Server, settings: Settings) -> Store:
    return Store(settings.url, settings.artifacts)


def test_a_running_job_waits_for_a_server_that_is_restarted_and_writes_everything_once(
    lone: postgres.Server,
    on_it: Store,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    submit(on_it)
    job = queue.claim(on_it, "worker", "cpu")
    line = Reporter(on_it, settings, job, str(job.lease_token))
    line.tell(0.1, "step 1")
    lone.stop()
    threading.Timer(4.0, lone.start).start()
    line.later(lambda session: session.add(Worker(host="kept", pid=1, device="cpu", code_version="x")))
    began = time.monotonic()
    line.flush()
    assert time.monotonic() - began > 3
    said = capsys.readouterr().err
    assert "does not answer" in said
    assert postgres.PASSWORD not in said
    line.tell(0.5, "step 5")
    line.flush()
    assert queries.get_job(on_it, job.id).message == "step 5"
    with on_it.reading() as session:
        assert session.scalar(select(func.count()).select_from(Worker).where(Worker.host == "kept")) == 1


def test_a_whole_run_outlives_a_restart_of_the_server_and_no_log_has_the_password(
    lone: postgres.Server, on_it: Store, settings: Settings
) -> None:
    dataset = add_sample(on_it, settings, "textlen")
    begun = start_training(on_it, settings, dataset, encoder="tiny", options={"label_epochs": "12", "checkpoints": "1"})
    until(lambda: queries.get_job(on_it, begun.job.id).progress > 0)
    lone.stop()
    time.sleep(2)
    lone.start()
    job = wait_for(on_it, settings, begun.job.id)
    assert (job.status, job.attempts) == ("done", 1)
    steps = queries.metrics(on_it, begun.run.id, ["label_loss"])["step"].tolist()
    assert steps == sorted(set(steps))
    logs = [log_path(on_it, job.id), settings.home / "worker.log"]
    assert all(postgres.PASSWORD not in path.read_text() for path in logs)
    for one in queries.live_workers(on_it):
        end_tree(one.pid, grace=5)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """This host's clock is a day ahead."""
    true = tables.now

    def wrong() -> datetime:
        return true() + timedelta(days=1)

    for module in (tables, clock):
        monkeypatch.setattr(module, "now", wrong)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("late")
def test_a_worker_with_a_wrong_clock_neither_steals_nor_loses_a_lease(store: Store, settings: Settings) -> None:
    with store.writing() as session:
        other = Worker(host="elsewhere", pid=1, device="cpu", code_version="x")
        session.add(other)
        session.flush()
        other_id = other.id
    submit(store)
    theirs = queue.claim(store, other_id, "cpu")
    queue.take_back(store, theirs.id, str(theirs.lease_token))
    assert queue.hung(store, 1) == {}
    supervisor = Supervisor(settings)
    supervisor.worker_id = presence.register(store, "here", "cpu")
    assert [one.host for one in queries.live_workers(store) if one.id == supervisor.worker_id]
    supervisor._recover()
    assert queries.get_job(store, theirs.id).status == "running"
    submit(store)
    mine = queue.claim(store, supervisor.worker_id, "cpu")
    queue.renew(store, mine.id, str(mine.lease_token))
    with store.reading() as session:
        left = queries.get_job(store, mine.id).lease_expires_at - clock.moment(session)
    assert timedelta(seconds=50) < left <= queue.LEASE


def test_a_server_that_cannot_be_reached_or_refuses_is_told_without_the_password(
    lone: postgres.Server, settings: Settings
) -> None:
    for wrong, sentence in (
        ((postgres.PASSWORD, "wrong-secret"), "lets nobody in by this URL"),
        (("unconfound:", "somebody:"), "lets nobody in by this URL"),
        (("/store_", "/absent_"), "lets nobody in by this URL"),
        ((str(lone.port), "1"), "does not answer"),
    ):
        with pytest.raises(StoreTroubleError, match=sentence) as told:
            Store(settings.url.replace(*wrong), settings.artifacts).migrate()
        assert "secret" not in str(told.value)
        assert postgres.PASSWORD not in str(told.value)
    in_query = settings.url.replace(f":{postgres.PASSWORD}@", "@") + f"?password={postgres.PASSWORD}"
    assert postgres.PASSWORD not in Store(in_query, settings.artifacts).place + repr(settings)


def test_an_unusable_url_is_refused_without_showing_it(settings: Settings) -> None:
    for url in ("mysql://me:secret@host/x", "postgresql//me:secret@host", "postgresql://me:sec@ret@host:port/x"):
        with pytest.raises(UserError, match=r"UNCONFOUND_DATABASE_URL (is not a URL|names a mysql database)") as told:
            Store(url, settings.artifacts)
        assert "sec" not in str(told.value).replace("percent-encoded", "")


def test_the_command_line_says_so_too(lone: postgres.Server, settings: Settings) -> None:
    lone.stop()
    done = subprocess.run(
        [sys.executable, "-m", "core", "run", "list"], capture_output=True, text=True, check=False, timeout=60
    )
    lone.start()  # to be stopped
    assert done.returncode == 2
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert postgres.PASSWORD not in done.stderr


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_is_wrong_with_a_server_that_answers_is_told(
    store: Store, server: postgres.Server, database: str, tmp_path: Path
) -> None:
    """No right to make tables, no connection left, no writes, rows that somebody else holds: each with its cure."""
    job = submit(store)
    with pytest.raises(StoreTroubleError, match="changed the same rows"):
        _lock_twice(store, job.id)
    name = database.rpartition("/")[2]
    empty = server.fresh()
    server.say(f"CREATE ROLE plain LOGIN PASSWORD '{postgres.PASSWORD}'")
    try:
        server.say("REVOKE CREATE ON SCHEMA public FROM PUBLIC", empty.rpartition("/")[2])
        with pytest.raises(StoreTroubleError, match="may not do what is needed"):
            Store(empty.replace("//unconfound:", "//plain:"), tmp_path).migrate()
        server.say(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
        with pytest.raises(StoreTroubleError, match="no connection left"):
            queries.counts(Store(database.replace("//unconfound:", "//plain:"), tmp_path))
    finally:
        server.drop(empty)
        server.say("DROP ROLE plain")
    server.say(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    readers = Store(database, tmp_path)
    assert queries.counts(readers)["jobs"] == {"queued": 1}
    with pytest.raises(StoreTroubleError, match="takes no writes at the moment"):
        submit(readers)


def _lock_twice(store: Store, job_id: str) -> None:
    with store.writing() as session, store.writing() as other:
        session.get_one(Job, job_id, with_for_update=True)
        other.execute(text("SET LOCAL lock_timeout = '100ms'"))
        other.get_one(Job, job_id, with_for_update=True)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_more_visitors_at_once_than_connections_wait_for_each_other(store: Store) -> None:
    def look(_number: int) -> None:
        with store.reading() as session:
            session.execute(text("SELECT pg_sleep(0.2)"))

    with ThreadPoolExecutor(40) as visitors:
        assert list(visitors.map(look, range(40))) == [None] * 40
