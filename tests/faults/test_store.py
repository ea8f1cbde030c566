"""A database or a disk that cannot be used for a while: who starts is told in a sentence, what runs waits and loses nothing."""

import errno
import multiprocessing
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from core.jobs import queue, reporter
from core.jobs.reporter import Reporter, StoppedError, trouble
from core.settings import Settings
from core.store import engine, queries
from core.store.engine import Store
from core.store.tables import Worker
from core.store.trouble import StoreTroubleError
from tests.faults.stubs import submit

CONTEXT = multiprocessing.get_context("fork")


@pytest.fixture
def line(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Reporter:
    """A running job's line to the store."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    submit(store)
    job = queue.claim(store, "worker", "cpu")
    return Reporter(store, settings, job, str(job.lease_token))


def _hold(path: Path, seconds: float, held: Any) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    held.set()
    time.sleep(seconds)
    connection.execute("ROLLBACK")


def test_a_running_job_outlasts_a_database_that_is_locked_for_30_seconds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where the driver's own patience is short."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 1)
    store = Store(settings.url, settings.artifacts)
    store.migrate()
    monkeypatch.setattr("signal.signal", lambda *_: None)
    submit(store)
    job = queue.claim(store, "worker", "cpu")
    line = Reporter(store, settings, job, str(job.lease_token))
    held = CONTEXT.Event()
    other = CONTEXT.Process(target=_hold, args=(settings.home / "unconfound.sqlite", 30.0, held))
    other.start()
    assert held.wait(60)
    began = time.monotonic()
    line.later(lambda session: session.add(Worker(host="kept", pid=1, device="cpu", code_version="x")))
    line.tell(0.5, "step 5")
    waited = time.monotonic() - began
    other.join()
    assert waited > 25
    assert "locked by another program. Close what holds it, or wait. Waiting" in capsys.readouterr().err
    assert queries.get_job(store, job.id).message == "step 5"
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Worker).where(Worker.host == "kept")) == 1
    print(f"locked for 30 s; the job went on after {waited:.1f} s")


def test_a_running_job_waits_while_the_disk_is_full_and_writes_everything_once(
    store: Store, line: Reporter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def limit(pages: int) -> None:
        with store.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    limit(1)  # SQLite takes the present size instead
    monkeypatch.setattr(line, "_wait", lambda _seconds: limit(1_000_000))
    line.later(lambda session: session.add(Worker(host="x" * 200_000, pid=1, device="cpu", code_version="x")))
    line.flush()
    assert "is full. Free some space" in capsys.readouterr().err
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Worker)) == 1


def test_who_waits_for_the_disk_can_be_stopped(line: Reporter) -> None:
    line.stop()

    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoppedError):
        line.patiently(fail)


def test_work_that_found_the_disk_full_is_done_again(line: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter, "FIRST_WAIT_SECONDS", 0.01)
    tries = []

    def save() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return "saved"

    assert line.patiently(save) == "saved"
    assert len(tries) == 3


def test_what_is_the_disks_fault_and_what_is_not() -> None:
    assert "cannot be written" in str(trouble(OSError(errno.EROFS, "Read-only file system")))
    assert "cannot be written" in str(trouble(RuntimeError("I/O error: No space left on device (os error 28)")))
    assert trouble(StoreTroubleError("The disk is full.")) == "The disk is full."
    assert trouble(OSError(errno.ENOENT, "No such file")) is None
    assert trouble(ValueError("28")) is None


def test_a_fault_of_a_statement_is_no_trouble_of_the_store(store: Store) -> None:
    with pytest.raises(Exception, match="no such table") as caught, store.reading() as session:
        session.execute(text("SELECT * FROM absent"))
    assert not isinstance(caught.value, StoreTroubleError)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_and_a_read_only_disk_are_named_at_the_start(small_disk: Path) -> None:
    store = Store(f"sqlite:///{small_disk / 'unconfound.sqlite'}", small_disk)
    store.migrate()
    with pytest.raises(OSError, match="No space"):
        (small_disk / "big").write_bytes(bytes(4 * 2**20))
    with pytest.raises(StoreTroubleError, match=r"Nothing can be written .* Free some space"):
        store.migrate()
    (small_disk / "big").unlink()
    store.migrate()
    store.engine.dispose()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreTroubleError, match="may be written"):
        Store(store.url, small_disk).migrate()


def test_a_damaged_database_is_named_and_nothing_is_written(store: Store, settings: Settings) -> None:
    store.engine.dispose()
    path = settings.home / "unconfound.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    with pytest.raises(StoreTroubleError, match="is not a readable database"):
        Store(settings.url, settings.artifacts).migrate()


def _write(url: str, artifacts: Path, found: Any) -> None:
    store = Store(url, artifacts)
    try:
        for number in range(25):
            with store.writing() as session:
                before = session.scalar(select(func.count()).select_from(Worker))
                session.add(Worker(host=f"{before}", pid=number, device="cpu", code_version="x"))
    except Exception as error:
        found.put(repr(error))
    else:
        found.put("")


def _read(url: str, artifacts: Path, found: Any) -> None:
    store = Store(url, artifacts)
    try:
        for _ in range(60):
            with store.reading() as session:
                session.scalar(select(func.count()).select_from(Worker))
    except Exception as error:
        found.put(repr(error))
    else:
        found.put("")


def test_eight_writers_and_eight_readers_never_see_a_locked_database(store: Store, settings: Settings) -> None:
    store.engine.dispose()
    found = CONTEXT.Queue()
    crowd = [
        CONTEXT.Process(target=task, args=(settings.url, settings.artifacts, found))
        for task in (_write, _read)
        for _ in range(8)
    ]
    began = time.monotonic()
    for one in crowd:
        one.start()
    said = [found.get(timeout=300) for _ in crowd]
    for one in crowd:
        one.join()
    print(f"8 writers and 8 readers, 200 writes and 480 reads in {time.monotonic() - began:.1f} s")
    assert said == [""] * 16
    with store.reading() as session:
        hosts = session.scalars(select(Worker.host)).all()
    assert sorted(hosts, key=int) == [str(number) for number in range(200)]  # each saw all that were before it
