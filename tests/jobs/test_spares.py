"""A process that stands ready does a job as one that was started for it would, and never outlives its worker."""

import os
import signal

import psutil
import pytest

from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.jobs import queue
from core.jobs.launch import ensure_worker
from core.jobs.locks import let_go, lock_all
from core.jobs.processes import of_job
from core.jobs.supervisor import log_path
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Job
from tests.faults.stubs import is_spare, spares, status, until
from tests.pages.visits import keep

pytestmark = pytest.mark.usefixtures("workers")

QUICK = {"label_epochs": "1", "checkpoints": "1"}
LONG = {"label_epochs": "200", "batch_size": "1", "checkpoints": "1"}


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A worker that makes spare processes, and has the time to."""
    monkeypatch.setenv("UNCONFOUND_SPARE_PROCESS", "true")
    return settings.model_copy(update={"spare_process": True, "worker_idle_seconds": 120.0})


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return keep(store, n_train=60, n_dev=20)


def ended(process: psutil.Process) -> None:
    until(lambda: not is_spare(process))


def at_work(store: Store, job: Job) -> psutil.Process | None:
    found = queries.get_job(store, job.id)
    return psutil.Process(found.pid) if found.pid and found.progress > 0 else None


def test_it_does_a_job_with_the_same_bits_holds_its_device_and_is_replaced(
    store: Store, settings: Settings, dataset: Dataset
) -> None:
    device = settings.home / "devices" / "cpu.lock"
    weights: list[bytes] = []
    ready: psutil.Process | None = None
    for _ in range(2):
        begun = start_training(store, settings, dataset, encoder="tiny", options=QUICK)
        assert wait_for(store, settings, begun.job.id).status == "done"
        [last] = queries.checkpoints(store, begun.run.id)
        weights.append(store.artifacts.path(f"{last.path}/model.safetensors").read_bytes())
        if ready is not None:
            ended(ready)
        until(lambda: spares(store))
        [ready] = spares(store)
        let_go(lock_all([device]) or pytest.fail("it holds the device while it waits"))
    assert weights[0] == weights[1]

    long = start_training(store, settings, dataset, encoder="tiny", options=LONG).job
    until(lambda: at_work(store, long))
    working = at_work(store, long)
    assert working.pid == ready.pid
    assert is_spare(working)
    assert lock_all([device]) is None
    token = queries.get_job(store, long.id).lease_token
    assert ready.pid in {one.pid for one in of_job(token)}
    queue.request_cancel(store, long.id)
    assert wait_for(store, settings, long.id).status == "cancelled"
    assert "stopped" in log_path(store, long.id).read_text()
    assert "stopped" not in (settings.home / "worker.log").read_text()


def test_one_that_died_does_no_harm_and_none_outlives_the_worker(
    store: Store, settings: Settings, dataset: Dataset
) -> None:
    first = start_training(store, settings, dataset, encoder="tiny", options=QUICK).job
    assert wait_for(store, settings, first.id).status == "done"
    until(lambda: spares(store))
    [ready] = spares(store)
    ready.send_signal(signal.SIGKILL)
    ended(ready)

    second = start_training(store, settings, dataset, encoder="tiny", options=QUICK).job
    assert wait_for(store, settings, second.id).status == "done"
    assert queries.get_job(store, second.id).attempts == 1
    until(lambda: spares(store))
    [next_one] = spares(store)
    [worker] = queries.live_workers(store)
    os.kill(worker.pid, signal.SIGKILL)
    ended(next_one)
    assert status(store, second.id) == "done"


def test_a_worker_that_is_stopped_takes_it_along(store: Store, settings: Settings, dataset: Dataset) -> None:
    ensure_worker(settings)
    until(lambda: queries.live_workers(store) and spares(store))
    [ready] = spares(store)
    [worker] = queries.live_workers(store)
    os.kill(worker.pid, signal.SIGTERM)
    until(lambda: not psutil.pid_exists(ready.pid))
    until(lambda: not queries.live_workers(store))
