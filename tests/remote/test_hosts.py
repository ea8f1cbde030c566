"""Two hosts, one database, one root on S3: what one makes the other has, and goes on with to the last bit."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from core.actions.datasets import add_sample
from core.actions.deleting import delete_run
from core.actions.diagnosing import start_diagnosis
from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.encoders.loading import load_saved
from core.jobs.launch import ensure_worker
from core.jobs.logs import read_log
from core.jobs.processes import end_job
from core.settings import Settings, get_settings
from core.store import queries
from core.store.engine import Store, open_store
from core.store.remote import ArtifactTroubleError, Remote
from core.store.tables import Job, Worker
from tests.faults.stubs import until
from tests.faults.test_kills import everything
from tests.remote.conftest import ACCESS, objects
from tests.remote.server import S3Server

OPTIONS = {
    "label_epochs": "3",
    "checkpoints": "6",
    "interval": "12",
    "round_epochs": "1",
    "round_batch": "4",
    "probes_per_epoch": "6",
    "k": "2",
    "max_length": "16",
}


@pytest.fixture
def second(settings: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store as another host sees it: the same database and root, nothing of the files yet."""
    monkeypatch.setenv("UNCONFOUND_HOME", str(tmp_path / "two"))
    get_settings.cache_clear()
    found = open_store(get_settings())
    assert found.artifacts.root != store.artifacts.root
    monkeypatch.setenv("UNCONFOUND_HOME", str(settings.home))
    get_settings.cache_clear()
    return found


def state_is_sent(store: Store, run_id: str) -> bool:
    return store.artifacts.remote.read(f"runs/{run_id}/resume/manifest.json") is not None


@pytest.mark.usefixtures("workers")
def test_a_run_outlasts_the_server_and_the_host(
    store: Store,
    settings: Settings,
    second: Store,
    root: str,
    server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = add_sample(store, settings, "textlen")

    def start(name: str, where: Settings) -> Job:
        return start_training(
            store, where, dataset, method="influence-tuning", encoder="tiny", options=OPTIONS, name=name
        ).job

    # The server goes away under a running job, which waits, says so, and goes on.
    whole = start("whole", settings)
    until(lambda: state_is_sent(store, whole.run_id))
    server.stop()
    until(lambda: queries.get_job(store, whole.id).message.startswith("waiting: The artifact root"))
    server.start()
    assert wait_for(store, settings, whole.id).status == "done"
    assert "Waiting, and trying again." in read_log(store, whole.id)[0]
    reference = everything(store, "whole")
    assert len(reference["rounds"]) >= 2
    assert not [key for key in objects(root) if key.startswith(f"runs/{whole.run_id}/resume/")]

    # Another host reads everything of it: its model, its predictions, and after a diagnosis there the first its matrix.
    assert everything_of(second, "whole") == reference
    final = queries.evaluations(store, whole.run_id)[-1]
    there = second.artifacts.read_table(final.path)
    assert there.equals(store.artifacts.read_table(final.path))
    assert final.accuracy == pytest.approx((there["predicted"] == there["label"]).mean())

    # The first host dies with a run under way: its worker and its job are killed, and its disk is gone.
    killed = start("killed", settings)
    until(lambda: state_is_sent(store, killed.run_id))
    job = queries.get_job(store, killed.id)
    with store.reading() as session:
        os.kill(session.get_one(Worker, job.worker_id).pid, signal.SIGKILL)
    end_job(job.lease_token)
    assert queries.get_job(store, killed.id).status == "running"
    settings.home.rename(tmp_path / "lost")

    two = settings.model_copy(update={"home": tmp_path / "two"})
    monkeypatch.setenv("UNCONFOUND_HOME", str(two.home))
    ensure_worker(two)
    diagnosis = start_diagnosis(second, two, queries.get_run(second, "whole"), probes=8)
    assert wait_for(second, two, killed.id).status == "done"
    assert "Going on after step" in read_log(second, killed.id)[0]
    assert everything_of(second, "killed") == reference
    assert wait_for(second, two, diagnosis.id).status == "done"

    # A third host, with nothing but the database and the root, reads the matrix and the logs of both.
    third = Store(settings.url, tmp_path / "three", Remote(root, 2**30))
    [found] = queries.diagnoses(third, whole.run_id)
    scores = third.artifacts.read_arrays(found.path)["scores"]
    assert scores.shape == (len(queries.examples(third, dataset, "train")), 8)
    np.testing.assert_array_equal(scores, second.artifacts.read_arrays(found.path)["scores"])
    until(lambda: "Going on after step" in read_log(third, killed.id)[0])
    assert "Waiting, and trying again." in read_log(third, whole.id)[0]

    # Nothing that was written anywhere holds a credential.
    for folder in (tmp_path / "lost", tmp_path / "two"):
        for path in (*folder.rglob("*.log"), tmp_path / "shared.sqlite"):
            content = path.read_bytes()
            assert ACCESS["AWS_SECRET_ACCESS_KEY"].encode() not in content
            assert ACCESS["AWS_ACCESS_KEY_ID"].encode() not in content

    for name in ("whole", "killed"):
        delete_run(second, queries.get_run(second, name))
    assert [key for key in objects(root) if not key.startswith("datasets/")] == []


def everything_of(store: Store, name: str) -> dict[str, object]:
    """As `everything`, on a host that has to fetch the weights; they make a model."""
    for one in queries.checkpoints(store, queries.get_run(store, name).id):
        folder = store.artifacts.fetch_folder(one.path)
    model, _ = load_saved(folder)
    assert model.config.num_labels == 2
    return everything(store, name)


def test_a_root_that_cannot_be_used_is_told_and_may_be_waited_for(
    server: S3Server, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"1")
    absent = Remote("s3://no-such-bucket/prefix", 1)
    for call in (lambda: absent.put(source, "a"), lambda: absent.write("a", b""), lambda: absent.read("a")):
        with pytest.raises(ArtifactTroubleError, match="no-such-bucket"):
            call()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setattr("s3fs.S3FileSystem.cachable", False)
    with pytest.raises(ArtifactTroubleError, match="credentials"):
        Remote(root, 1).read("a")
