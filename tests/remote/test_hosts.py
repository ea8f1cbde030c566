"""Two hosts, one database, one root on S3: what one makes the other has, and goes on with to the last bit."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from core.actions.datasets import add_sample
from core.actions.deleting import remove_run
from core.actions.diagnosing import start_diagnosis
from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.jobs.launch import ensure_worker
from core.jobs.logs import read_log
from core.jobs.processes import end_job
from core.settings import Settings, get_settings
from core.store import queries
from core.store.artifacts import file_sha256
from core.store.engine import Store, open_store
from core.store.remote import ArtifactTroubleError, Remote
from core.store.tables import Dataset, Job, Worker
from tests.faults.stubs import until
from tests.faults.test_kills import everything
from tests.jobs.inside import carry_out
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


def start(store: Store, settings: Settings, dataset: Dataset) -> Job:
    return start_training(
        store, settings, dataset, method="influence-tuning", encoder="tiny", options=OPTIONS, name="run"
    ).job


def uninterrupted(settings: Settings, tmp_path: Path) -> dict[str, object]:
    """All that the same run leaves in a plain folder when nothing happens to it."""
    plain = Store(f"sqlite:///{tmp_path / 'plain.sqlite'}", tmp_path / "plain")
    plain.migrate()
    alone = settings.model_copy(update={"start_worker": False})
    start(plain, alone, add_sample(plain, alone, "textlen"))
    carry_out(plain, alone)
    return everything(plain, "run")


def state_sent(store: Store, run_id: str) -> bytes | None:
    return store.artifacts.remote.read(f"runs/{run_id}/resume/manifest.json")


@pytest.mark.usefixtures("workers")
def test_a_run_outlasts_the_server_and_its_host(
    store: Store,
    settings: Settings,
    second: Store,
    root: str,
    server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = add_sample(store, settings, "textlen")
    job = start(store, settings, dataset)
    reference = uninterrupted(settings, tmp_path)
    assert len(reference["rounds"]) >= 2

    # The server goes away under the running job, which waits, says so, and goes on.
    until(lambda: state_sent(store, job.run_id), every=0.01)
    server.stop()
    before = until(lambda: queries.get_job(store, job.id).message.startswith("waiting: The artifact root"))
    server.start()
    state = state_sent(store, job.run_id)
    until(lambda: state_sent(store, job.run_id) != state, every=0.01)
    print(f"the job noticed after {before:.1f} s that the server was gone, and went on")

    # The host dies: worker and job are killed at once, and its disk is gone. Another host goes on.
    found = queries.get_job(store, job.id)
    assert found.status == "running"
    with store.reading() as session:
        os.kill(session.get_one(Worker, found.worker_id).pid, signal.SIGKILL)
    end_job(found.lease_token)
    settings.home.rename(tmp_path / "lost")
    two = settings.model_copy(update={"home": tmp_path / "two"})
    monkeypatch.setenv("UNCONFOUND_HOME", str(two.home))
    ensure_worker(two)
    assert wait_for(second, two, job.id).status == "done"
    assert "Going on after step" in read_log(second, job.id)[0]
    assert everything(second, "run") == reference
    assert not [key for key in objects(root) if key.startswith(f"runs/{job.run_id}/resume/")]
    diagnosis = start_diagnosis(second, two, queries.get_run(second, "run"), probes=8)
    assert wait_for(second, two, diagnosis.id).status == "done"

    # A third host, with nothing but the database and the root, has predictions, model, matrix and the whole log.
    third = Store(settings.url, tmp_path / "three", Remote(root, 2**30))
    final = queries.evaluations(third, job.run_id)[-1]
    predictions = third.artifacts.read_table(final.path)
    assert final.accuracy == pytest.approx((predictions["predicted"] == predictions["label"]).mean())
    assert [weights(third, one.path) for one in queries.checkpoints(third, job.run_id)] == reference["weights"]
    [found] = queries.diagnoses(third, job.run_id)
    scores = third.artifacts.read_arrays(found.path)["scores"]
    assert scores.shape == (len(queries.examples(third, dataset, "train")), 8)
    np.testing.assert_array_equal(scores, second.artifacts.read_arrays(found.path)["scores"])
    until(lambda: "Going on after step" in read_log(third, job.id)[0])

    # Nothing that was written anywhere holds a credential.
    for path in (*tmp_path.rglob("*.log"), tmp_path / "shared.sqlite"):
        content = path.read_bytes()
        assert ACCESS["AWS_SECRET_ACCESS_KEY"].encode() not in content
        assert ACCESS["AWS_ACCESS_KEY_ID"].encode() not in content

    remove_run(third, queries.get_run(third, "run").id)
    assert [key for key in objects(root) if not key.startswith("datasets/")] == []


def weights(store: Store, checkpoint: str) -> str:
    return file_sha256(store.artifacts.fetch_folder(checkpoint) / "model.safetensors")


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
