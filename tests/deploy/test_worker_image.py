"""The image `worker`: its own command, from a read-only copy of its files, runs a job, and stops as `docker stop` asks."""

import sys
import time
from pathlib import Path

import pytest

from core.actions.datasets import add_sample
from core.actions.training import start_training
from core.jobs.processes import of_job
from core.jobs.supervisor import LAST_GRACE_SECONDS
from core.settings import Settings
from core.store import queries
from core.store.engine import open_store
from tests.deploy import images
from tests.deploy.containers import Container


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
        asked = time.monotonic()
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - asked < settings.cancel_grace_seconds + LAST_GRACE_SECONDS
    job = queries.get_job(store, begun.job.id)
    assert (job.status, job.attempts) == ("queued", 0)
    assert of_job(token) == []
    assert not worker.is_healthy()
    assert images.listing(worker.code) == before
