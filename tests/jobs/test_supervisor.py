"""A real worker process: it runs jobs in processes of their own, ends them for certain, and there is one of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import psutil
import pytest

from core.actions.datasets import add_sample
from core.actions.diagnosing import start_diagnosis
from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.encoders.catalogue import resolve
from core.jobs import queue
from core.jobs.calibrate import known_speed
from core.jobs.launch import ensure_worker
from core.jobs.locks import supervisor_lock
from core.jobs.supervisor import log_path
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Job, now
from core.training.config import TrainConfig
from core.training.estimate import estimate
from tests.pages.visits import keep

SAMPLE = "textlen"
QUICK = {"label_epochs": "1", "checkpoints": "2"}
LONG = {"label_epochs": "200", "checkpoints": "1"}


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def progressed(store: Store, job_id: str) -> bool:
    return queries.get_job(store, job_id).progress > 0


@pytest.mark.usefixtures("workers")
def test_train_then_diagnose(store: Store, settings: Settings) -> None:
    dataset = add_sample(store, settings, SAMPLE)
    begun = start_training(store, settings, dataset, encoder="tiny", options=QUICK, then_diagnose="all", probes=8)
    assert wait_for(store, settings, begun.diagnosis.id).status == "done"
    run = queries.get_run(store, begun.run.id)
    assert (run.status, run.steps) == ("done", queries.checkpoints(store, run.id)[-1].step)
    assert run.seconds > 0
    assert run.versions["torch"]

    evaluations = {(one.split, one.step): one for one in queries.evaluations(store, run.id)}
    final = evaluations["dev", run.steps]
    predictions = store.artifacts.read_table(final.path)
    assert final.accuracy == pytest.approx((predictions["predicted"] == predictions["label"]).mean())

    diagnoses = queries.diagnoses(store, run.id)
    assert [one.step for one in diagnoses] == [one.step for one in queries.checkpoints(store, run.id)]
    assert min(diagnoses, key=lambda one: one.created_at).step == run.steps  # what people wait for comes first
    assert queries.get_job(store, begun.diagnosis.id).result == {"diagnoses": [one.id for one in diagnoses]}
    arrays = store.artifacts.read_arrays(diagnoses[-1].path)
    train = queries.examples(store, dataset, "train")
    assert arrays["scores"].shape == (len(train), 8)
    assert arrays["train_ids"].tolist() == train["id"].tolist()
    for column, (probe, row) in enumerate(zip(diagnoses[-1].report["probes"], arrays["probe_row"], strict=True)):
        assert train["id"][row] == probe["id"]
        assert arrays["scores"][row, column] == pytest.approx(1.0, abs=1e-5)
        label, confound = train["label"][row], train["confound"][row]
        same = (train["label"] == label) & (train["confound"] == confound) & (train.index != row)
        other = (train["label"] == label) & (train["confound"] != confound)
        cid = arrays["scores"][same, column].mean() - arrays["scores"][other, column].mean()
        assert probe["cid"] == pytest.approx(float(cid), abs=1e-6)


@pytest.mark.usefixtures("workers")
def test_who_waits_goes_before_the_checkpoints_that_are_left(store: Store, settings: Settings) -> None:
    dataset = keep(store, n_train=60, n_dev=20)
    options = {"label_epochs": "2", "batch_size": "16", "checkpoints": "3"}
    begun = start_training(store, settings, dataset, encoder="tiny", options=options, then_diagnose="all", probes=8)
    until(lambda: queries.get_job(store, begun.diagnosis.id).status == "running")
    other = start_diagnosis(store, settings, begun.run, checkpoint="final", probes=4)
    with store.writing() as session:
        session.get_one(Job, other.id).created_at = now() - timedelta(seconds=10)
    for job in (other, begun.diagnosis):
        assert wait_for(store, settings, job.id).status == "done"
    made = sorted(queries.diagnoses(store, begun.run.id), key=lambda one: one.created_at)
    last = queries.checkpoints(store, begun.run.id)[-1].step
    assert [(one.step == last, one.n_probes) for one in made] == [(True, 8), (True, 4), (False, 8), (False, 8)]
    result = queries.get_job(store, begun.diagnosis.id).result
    assert sorted(result["diagnoses"]) == sorted(one.id for one in made if one.n_probes == 8)
    assert "goes on after them" in log_path(store, begun.diagnosis.id).read_text()


@pytest.mark.usefixtures("workers")
def test_a_running_job_is_cancelled_and_goes_on_when_tried_again(store: Store, settings: Settings) -> None:
    dataset = add_sample(store, settings, SAMPLE)
    begun = start_training(store, settings, dataset, encoder="tiny", options=LONG)
    until(lambda: progressed(store, begun.job.id))
    pid = queries.get_job(store, begun.job.id).pid
    queue.request_cancel(store, begun.job.id)
    assert wait_for(store, settings, begun.job.id).status == "cancelled"
    assert queries.get_run(store, begun.run.id).status == "cancelled"
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    reached = queries.metrics(store, begun.run.id, ["label_loss"])["step"].max()

    queue.retry(store, begun.job.id)
    until(lambda: queries.metrics(store, begun.run.id, ["label_loss"])["step"].max() > reached)
    assert "Going on after step" in log_path(store, begun.job.id).read_text()
    queue.request_cancel(store, begun.job.id)
    assert wait_for(store, settings, begun.job.id).status == "cancelled"


@pytest.mark.usefixtures("workers")
def test_a_job_that_is_killed_goes_on_and_in_the_end_says_so(store: Store, settings: Settings) -> None:
    dataset = add_sample(store, settings, SAMPLE)
    begun = start_training(store, settings, dataset, encoder="tiny", options=LONG, then_diagnose="final")
    with store.writing() as session:
        session.get_one(Job, begun.job.id).max_attempts = 2
    killed = set()
    for _ in range(2):
        until(
            lambda: progressed(store, begun.job.id) and queries.get_job(store, begun.job.id).pid not in {None, *killed}
        )
        killed.add(queries.get_job(store, begun.job.id).pid)
        os.kill(queries.get_job(store, begun.job.id).pid, signal.SIGKILL)
    ended = wait_for(store, settings, begun.job.id)
    assert (ended.status, ended.attempts) == ("failed", 2)
    assert "interrupted 2 times, the last time because it was killed from outside" in ended.error
    assert queries.get_run(store, begun.run.id).error == ended.error
    assert queries.get_job(store, begun.diagnosis.id).status == "cancelled"


@pytest.mark.usefixtures("workers")
def test_a_stopped_worker_puts_its_job_back(store: Store, settings: Settings) -> None:
    dataset = add_sample(store, settings, SAMPLE)
    begun = start_training(store, settings, dataset, encoder="tiny", options=LONG)
    until(lambda: progressed(store, begun.job.id))
    [worker] = queries.live_workers(store)
    os.kill(worker.pid, signal.SIGTERM)
    until(lambda: queries.get_job(store, begun.job.id).status == "queued")
    found = queries.get_job(store, begun.job.id)
    assert (found.cancel_requested_at, found.attempts) == (None, 0)  # no fault of the job's, so it does not count
    queue.request_cancel(store, begun.job.id)


@pytest.mark.usefixtures("workers")
def test_however_many_ask_there_is_one_worker(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNCONFOUND_WORKER_IDLE_SECONDS", "60")  # the first is still there when the last one asks
    for _ in range(4):
        ensure_worker(settings)
    until(lambda: len(queries.live_workers(store)) == 1)
    second = subprocess.run(
        [sys.executable, "-m", "core", "worker", "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 0
    assert second.stdout == '{"worker": false}\n'
    until(lambda: len(_workers_of(settings)) == 1)


@pytest.mark.usefixtures("workers")
def test_an_idle_unwatched_worker_leaves(store: Store, settings: Settings) -> None:
    assert ensure_worker(settings)
    until(lambda: len(queries.live_workers(store)) == 1)
    until(lambda: len(queries.live_workers(store)) == 0)
    lock = supervisor_lock(settings.home.resolve())
    lock.acquire(timeout=10)
    lock.release()


@pytest.mark.usefixtures("workers")
def test_a_worker_with_nothing_to_do_measures_the_machine_once(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNCONFOUND_CALIBRATE", "true")
    monkeypatch.setenv("UNCONFOUND_WORKER_IDLE_SECONDS", "60")
    ensure_worker(settings.model_copy(update={"worker_idle_seconds": 60.0}))
    until(lambda: known_speed(store) is not None)
    speed = known_speed(store)
    assert "CPU" in speed.title
    assert speed.flop > 0
    cost = estimate(TrainConfig(), resolve("minilm").shape, {"train": np.full(800, 25)}, speed)
    assert 1 < cost.seconds < 36_000


@pytest.mark.usefixtures("workers")
def test_on_a_full_disk_jobs_wait_and_say_so(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCONFOUND_MIN_FREE_MB", str(10**9))
    begun = start_training(store, settings, add_sample(store, settings, SAMPLE), encoder="tiny", options=QUICK)
    until(lambda: "waiting for disk space" in queries.get_job(store, begun.job.id).message)
    assert queries.get_job(store, begun.job.id).status == "queued"


@pytest.mark.both_databases
@pytest.mark.usefixtures("no_worker")
def test_the_largest_seed_is_kept(store: Store, settings: Settings) -> None:
    begun = start_training(store, settings, add_sample(store, settings, SAMPLE), encoder="tiny", seed=2**32 - 1)
    assert queries.get_run(store, begun.run.id).seed == 2**32 - 1


def test_a_bad_wish_is_refused_before_anything_is_queued(store: Store, settings: Settings) -> None:
    from core.errors import UserError

    dataset = add_sample(store, settings, SAMPLE)
    for options in (
        {"encoder": "nonsense"},
        {"encoder": "tiny", "options": {"label_epochs": "0"}},
        {"encoder": "tiny", "name": "a/b"},
    ):
        with pytest.raises(UserError):
            start_training(store, settings, dataset, **options)
    assert queries.list_jobs(store) == []
    assert queries.list_runs(store) == []


def test_what_has_not_been_trained_cannot_be_diagnosed(store: Store, settings: Settings) -> None:
    from core.errors import UserError
    from core.store.tables import Run

    dataset = add_sample(store, settings, SAMPLE)
    run = Run(name="r", dataset_id=dataset.id, method="finetune", encoder="tiny", seed=1, config={}, data_sha256="0")
    with store.writing() as session:
        session.add(run)
    with pytest.raises(UserError, match="no checkpoint yet"):
        start_diagnosis(store, settings, run)


def _workers_of(settings: Settings) -> list[psutil.Process]:
    home = str(settings.home.resolve())
    found = []
    for process in psutil.process_iter():
        try:
            if process.cmdline()[1:4] == ["-m", "core", "worker"] and process.environ().get("UNCONFOUND_HOME") == home:
                found.append(process)
        except psutil.Error:
            continue
    return found
