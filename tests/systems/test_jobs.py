"""The whole way of a job through processes that see Windows: started, ended, cancelled, orphaned, its worker stopped.

The processes are real, and so are their ends; what Windows lacks is not there (see windows/sitecustomize.py). This process
only looks on.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.actions.datasets import add_sample
from core.jobs import queue
from core.jobs.locks import let_go, lock_all
from core.jobs.processes import end_job, end_tree, is_alive, of_job
from core.jobs.supervisor import log_path
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Job, Worker
from tests.systems.playing import WINDOWS, run

SMALL = ("--encoder", "tiny", "--set", "label_epochs=1", "--set", "checkpoints=2")
LONG = ("--encoder", "tiny", "--set", "label_epochs=200", "--set", "checkpoints=1")


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def play(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in WINDOWS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UNCONFOUND_CANCEL_GRACE_SECONDS", "20")
    yield
    for one in queries.live_workers(store):
        end_tree(one.pid, grace=5)
    for job, _ in queue.under_way(store):
        end_job(job.lease_token)


def commands(*of: list[str]) -> list[dict[str, Any]]:
    """Commands of the command line, one after the other; what each said."""
    code = "import json, sys; from core.__main__ import main; sys.exit(max(main([*one, '--json']) for one in json.loads(sys.argv[1])))"
    return [json.loads(line) for line in run("-c", code, json.dumps(of)).stdout.splitlines()]


def log_of(store: Store, job_id: str) -> str:
    return log_path(store, job_id).read_text(encoding="utf-8")


def job_of(store: Store, job_id: str) -> Job:
    return queries.get_job(store, job_id)


def at_work(store: Store, job_id: str) -> bool:
    job = job_of(store, job_id)
    return job.status == "running" and job.progress > 0 and job.pid is not None


def worker_of(store: Store) -> Worker:
    [worker] = queries.live_workers(store)
    return worker


def test_an_upload_is_read_in_the_limited_process_and_a_method_trained_on_it(store: Store, tmp_path: Path) -> None:
    rows = "\n".join(f"a text number {n} {'long and longer' * (n % 2)},{n % 2},{'ab'[n // 2 % 2]}" for n in range(120))
    (tmp_path / "mine.csv").write_text(f"text,label,source\n{rows}\n", encoding="utf-8")
    said = commands(
        ["dataset", "add", "--name", "own", "--train", str(tmp_path / "mine.csv"), "--confound", "source"],
        ["train", "--dataset", "own", *SMALL, "--name", "mine", "--then-diagnose", "final", "--wait"],
        ["report", "mine", "--output", str(tmp_path / "mine.html")],
        ["export", "mine", "--output", str(tmp_path / "model")],
        ["backup", str(tmp_path / "all.tar")],
        ["doctor"],
    )
    assert said[0]["labels"] == ["0", "1"]
    assert said[1]["status"] == "done"
    assert [one for one in said[-1]["findings"] if one["level"] == "problem"] == []
    assert (tmp_path / "model" / "model.safetensors").is_file()
    run_ = queries.get_run(store, "mine")
    assert len(queries.diagnoses(store, run_.id)) == 1
    commands(["run", "delete", "mine", "--now"])
    assert not store.artifacts.path(f"runs/{run_.id}").exists()


def test_too_much_memory_and_too_long_are_noticed_through_the_launcher() -> None:
    """The process that was started is not the one that works; both limits count for the latter, and it is gone after."""
    code = """
from core.datasets import limited
from core.datasets.errors import DataError
for size, seconds in ((200_000_000, 30), (1, 2)):
    limited._BOOT = f"import time; x = b'x' * {size}; time.sleep(60)"
    try:
        limited.run_limited("read", {}, seconds=seconds, memory=100 * 2**20)
    except DataError as error:
        print(error)
"""
    said = run("-c", code).stdout.splitlines()
    assert "needs more memory than the 100 MiB" in said[0]
    assert "took longer than 2 seconds" in said[1]
    assert [one.pid for one in psutil.process_iter() if "x = b'x' * " in " ".join(_command(one))] == []


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_job_outlives_its_workers_and_is_cancelled(store: Store, settings: Settings) -> None:
    """Ctrl-C for the first worker, which asks its job by a file; the second is killed; under the third it is cancelled."""
    dataset = add_sample(store, settings, "textlen")
    job_id = str(commands(["train", "--dataset", dataset.name, *LONG])[0]["job"])
    until(lambda: at_work(store, job_id))
    assert psutil.Process(worker_of(store).pid).parent().cmdline()[3].endswith("launcher.py")
    os.kill(worker_of(store).pid, signal.SIGINT)
    until(lambda: job_of(store, job_id).status == "queued")
    assert job_of(store, job_id).attempts == 0  # no fault of the job's
    assert log_of(store, job_id).endswith("stopped\n")
    assert list((settings.home / "asked").iterdir()) == []

    commands(["jobs", "resume"])  # whatever needs a worker starts one
    until(lambda: at_work(store, job_id))
    assert "Going on after step" in log_of(store, job_id)
    first, worker = job_of(store, job_id), worker_of(store)
    device = settings.home / "devices" / "cpu.lock"
    assert lock_all([device]) is None  # the job itself holds it
    os.kill(worker.pid, signal.SIGKILL)
    until(lambda: not is_alive(worker.pid, worker.pid_started) and not is_alive(first.pid, first.pid_started))
    assert "The worker is gone" in log_of(store, job_id)
    held = lock_all([device])
    assert held is not None
    let_go(held)

    commands(["jobs", "resume"])
    until(lambda: at_work(store, job_id) and job_of(store, job_id).pid != first.pid)
    assert job_of(store, job_id).attempts == 2
    token = str(job_of(store, job_id).lease_token)
    commands(["jobs", "cancel", job_id])
    until(lambda: job_of(store, job_id).status == "cancelled")
    until(lambda: of_job(token) == [])
