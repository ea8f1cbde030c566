"""The image `worker`: its own command, from a read-only copy of its files, runs a job, and stops as `docker stop` asks."""

import sys
import time
from pathlib import Path

import pytest
import yaml

from core.actions.datasets import add_sample
from core.actions.training import start_training
from core.jobs.processes import of_job
from core.settings import PROJECT, Settings
from core.store import queries
from core.store.engine import open_store
from tests.deploy import images
from tests.deploy.containers import Container


def grace() -> float:
    """Seconds that compose.yaml gives the worker between SIGTERM and SIGKILL."""
    services = yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return float(services["worker"]["stop_grace_period"].removesuffix("s"))


@pytest.fixture
def worker(tmp_path: Path) -> Container:
    """The image over a store with one long job in its queue; its packages are those of the tests."""
    box = Container("worker", tmp_path, Path(sys.prefix), {"UNCONFOUND_MIN_FREE_MB": "50"})
    box.lay()
    return box


def test_it_works_and_on_sigterm_gives_its_job_back(worker: Container) -> None:
    settings = Settings(home=worker.home, start_worker=False)
    store = open_store(settings)
    store.migrate()
    before = images.listing(worker.code)
    begun = start_training(
        store, settings, add_sample(store, settings, "textlen"), encoder="tiny", options={"label_epochs": "200"}
    )
    assert not worker.is_healthy()
    with worker.started() as process:
        deadline = time.monotonic() + 90
        while queries.get_job(store, begun.job.id).progress == 0:
            assert time.monotonic() < deadline, (worker.folder / "log").read_text()[-2000:]
            time.sleep(0.2)
        token = queries.get_job(store, begun.job.id).lease_token
        process.terminate()
        assert process.wait(timeout=grace()) == 0
    job = queries.get_job(store, begun.job.id)
    assert (job.status, job.attempts) == ("queued", 0)
    assert of_job(token) == []
    assert not worker.is_healthy()
    assert images.listing(worker.code) == before
