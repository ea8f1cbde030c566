"""A job of two processes, started by a real worker: it is done, stopped and begun again as one, and leaves none behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.actions.datasets import add_sample
from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.errors import UserError
from core.jobs import queue
from core.jobs.devices import Device
from core.jobs.launch import ensure_worker
from core.jobs.processes import of_job
from core.jobs.slots import let_go, slots
from core.jobs.supervisor import log_path
from core.settings import PROJECT, Settings
from core.store import queries
from core.store.engine import Store
from tests.faults.stubs import stub_gpus, stub_jobs, submit, until

OPTIONS = {"label_epochs": "1", "checkpoints": "1", "max_length": "16"}


def others(store: Store, job_id: str) -> list[psutil.Process]:
    """The ranks of a job but for the first."""
    token = queries.get_job(store, job_id).lease_token
    return [one for one in of_job(str(token)) if "core.jobs.rank" in one.cmdline()] if token else []


def at_work(store: Store, job_id: str) -> bool:
    return queries.get_job(store, job_id).progress > 0 and len(others(store, job_id)) == 1


@pytest.mark.usefixtures("workers")
def test_a_dead_rank_and_a_cancel(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL of the second rank: queued again, done, and diagnosed by two. Then a cancel, which leaves none alive."""
    monkeypatch.setenv("UNCONFOUND_RANKS", "2")
    dataset = add_sample(store, settings, "textlen")
    begun = start_training(store, settings, dataset, encoder="tiny", options=OPTIONS, then_diagnose="final", probes=8)
    until(lambda: queries.get_run(store, begun.run.id).device)  # noted when both have met
    [victim] = others(store, begun.job.id)
    victim.send_signal(signal.SIGKILL)
    assert wait_for(store, settings, begun.job.id).status == "done"
    assert queries.get_job(store, begun.job.id).attempts == 2
    said = log_path(store, begun.job.id).read_text()
    assert "Process 1 of 0 to 1 was ended by the signal SIGKILL." in said
    run = queries.get_run(store, begun.run.id)
    assert run.device.startswith("2 × CPU")
    assert wait_for(store, settings, begun.diagnosis.id).status == "done"
    [diagnosis] = queries.diagnoses(store, run.id)
    assert diagnosis.device.startswith("2 × CPU")
    assert store.artifacts.read_arrays(diagnosis.path)["scores"].shape == (diagnosis.n_train, 8)

    long = start_training(store, settings, dataset, encoder="tiny", options={**OPTIONS, "label_epochs": "200"})
    until(lambda: at_work(store, long.job.id))
    token = str(queries.get_job(store, long.job.id).lease_token)
    there = of_job(token)
    assert len(there) == 2
    began = time.monotonic()
    queue.request_cancel(store, long.job.id)
    assert wait_for(store, settings, long.job.id).status == "cancelled"
    print(f"cancel of a job of two ranks → ended {time.monotonic() - began:.1f} s")
    assert of_job(token) == []
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in there)
    reached = int(queries.metrics(store, long.run.id, ["label_loss"])["step"].max())
    folder = store.artifacts.path(f"runs/{long.run.id}/resume")
    assert [path.name.split("-")[1] for path in folder.iterdir()] == [
        f"{reached:08d}"
    ]  # stopped at a step, state saved


TWICE = """
import sys
from pathlib import Path
from core.errors import UserError
from core.jobs.ranks import team, tell
from core.training.config import TrainConfig
from core.training.trainer import train
from core.training.recorder import Silent
from tests.training.examples import examples

folder, frame = Path(sys.argv[1]), examples()
try:
    with team(2) as ranks:
        bad = tell(ranks, "train", config=TrainConfig(encoder="tiny"), frame=frame[frame["split"] == "dev"], folder=folder)
        train(recorder=Silent(), ranks=ranks, **bad)
except UserError as error:
    print(error)
with team(2) as ranks:  # as when a full disk made the job try again
    config = TrainConfig(encoder="tiny", label_steps=2, checkpoints=1, max_length=16)
    good = tell(ranks, "train", config=config, frame=frame, folder=folder)
    print(train(recorder=Silent(), ranks=ranks, **good).status)
"""


def test_an_error_is_told_and_leaves_room_for_another_try(tmp_path: Path) -> None:
    """What is wrong for every rank ends the work with its own sentence, not with the death of a rank."""
    ran = subprocess.run(
        [sys.executable, "-c", TWICE, str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "This data set has no training examples.\ndone\n"), ran.stderr


@pytest.mark.usefixtures("workers")
def test_a_slot_of_two_gpus(store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub_jobs(tmp_path / "stub", monkeypatch, "    time.sleep(300)\n")
    stub_gpus(tmp_path / "bin", monkeypatch, 5)
    monkeypatch.setenv("UNCONFOUND_RANKS", "2")
    jobs = [submit(store) for _ in range(3)]
    ensure_worker(settings)
    until(lambda: all(queries.get_job(store, one.id).pid for one in jobs[:2]))
    seen = [psutil.Process(queries.get_job(store, one.id).pid).environ()["CUDA_VISIBLE_DEVICES"] for one in jobs[:2]]
    assert sorted(seen) == ["GPU-0,GPU-1", "GPU-2,GPU-3"]
    assert queries.get_job(store, jobs[2].id).status == "queued"
    [worker] = queries.live_workers(store)
    assert worker.device == "2 × Stub (16 GB), 2 × Stub (16 GB)"


def test_the_gpus_of_a_slot_are_taken_all_or_none(tmp_path: Path) -> None:
    gpus = [Device("cuda", "Stub", uuid=f"GPU-{number}") for number in range(3)]
    [pair] = slots(gpus, tmp_path, 2)
    single = slots(gpus, tmp_path)
    held = single[1].hold()
    assert pair.hold() is None
    assert single[0].is_free()  # what the pair had got hold of, it has let go
    let_go(held)
    assert pair.is_free()
    with pytest.raises(UserError, match="asks for 4 GPUs a job, but this machine has 3"):
        slots(gpus, tmp_path, 4)
