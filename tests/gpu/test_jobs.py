"""A worker on a machine with a GPU: it finds it, gives it to one job at a time, and gets it back whatever happens."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.actions.datasets import add_sample
from core.actions.doctor import machine
from core.actions.training import start_training
from core.actions.tuning import start_tuning
from core.actions.waiting import wait_for
from core.jobs import queue
from core.jobs.devices import devices
from core.jobs.launch import ensure_worker
from core.jobs.processes import end_tree, of_job
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from tests.faults.stubs import spares, status, until
from tests.gpu.gpus import needs_gpu

pytestmark = needs_gpu

LONG = {"label_epochs": "200", "checkpoints": "1"}


@pytest.fixture(autouse=True)
def worker(store: Store) -> Iterator[None]:
    yield
    for one in queries.live_workers(store):
        end_tree(one.pid, grace=5)


def test_train_diagnose_and_treat_with_the_bundled_encoder(store: Store, settings: Settings) -> None:
    dataset = add_sample(store, settings, "textlen")
    options = {"label_epochs": "3", "checkpoints": "2", "precision": "auto"}
    begun = start_training(
        store, settings, dataset, encoder="minilm", options=options, then_diagnose="final", probes=16
    )
    assert wait_for(store, settings, begun.diagnosis.id).status == "done"
    [gpu] = devices()
    run, job = queries.get_run(store, begun.run.id), queries.get_job(store, begun.job.id)
    assert run.device == f"{gpu.name}, bfloat16"
    assert gpu.name in job.device
    assert gpu.name in queries.diagnoses(store, run.id)[0].device
    treated = start_tuning(store, settings, run, kind="combined")
    assert wait_for(store, settings, treated.job.id).status == "done"
    assert queries.get_run(store, treated.run.id).device == run.device


def test_one_job_at_a_time_and_a_cancelled_one_leaves_no_memory_behind(store: Store, settings: Settings) -> None:
    dataset = add_sample(store, settings, "textlen")
    first, second = (
        start_training(store, settings, dataset, encoder="tiny", options=LONG, seed=seed).job for seed in (1, 2)
    )
    ensure_worker(settings)
    until(lambda: queries.get_job(store, first.id).progress > 0)
    assert status(store, second.id) == "queued"
    pid = queries.get_job(store, first.id).pid
    assert psutil.Process(pid).environ()["CUDA_VISIBLE_DEVICES"] == devices()[0].uuid
    assert on_the_gpu(pid)
    token = queries.get_job(store, first.id).lease_token
    queue.request_cancel(store, first.id)
    until(lambda: queries.get_job(store, second.id).progress > 0)
    assert status(store, first.id) == "cancelled"
    assert of_job(token) == [], "a process of the cancelled job still has the GPU's memory"
    queue.request_cancel(store, second.id)
    assert wait_for(store, settings, second.id).status == "cancelled"


def test_a_killed_job_goes_on_where_it_was(store: Store, settings: Settings) -> None:
    dataset = add_sample(store, settings, "textlen")
    begun = start_training(store, settings, dataset, encoder="tiny", options={"label_epochs": "60", "checkpoints": "6"})
    until(lambda: len(queries.checkpoints(store, begun.run.id)) >= 2)
    pid = queries.get_job(store, begun.job.id).pid
    os.kill(pid, signal.SIGKILL)
    assert wait_for(store, settings, begun.job.id).status == "done"
    assert queries.get_job(store, begun.job.id).attempts == 2
    steps = queries.metrics(store, begun.run.id, ["label_loss"])["step"]
    assert steps.tolist() == list(range(1, queries.get_run(store, begun.run.id).steps + 1))


def test_a_spare_process_leaves_the_gpu_alone_until_it_has_a_job(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNCONFOUND_SPARE_PROCESS", "true")
    settings = settings.model_copy(update={"worker_idle_seconds": 120.0})
    dataset = add_sample(store, settings, "textlen")
    ensure_worker(settings)
    until(lambda: queries.live_workers(store) and spares(store))
    [ready] = spares(store)
    until(lambda: waits_for_input(ready))
    assert not on_the_gpu(ready.pid)
    begun = start_training(store, settings, dataset, encoder="tiny", options=LONG)
    until(lambda: queries.get_job(store, begun.job.id).progress > 0)
    assert queries.get_job(store, begun.job.id).pid == ready.pid
    assert on_the_gpu(ready.pid)
    queue.request_cancel(store, begun.job.id)
    assert wait_for(store, settings, begun.job.id).status == "cancelled"
    assert queries.get_run(store, begun.run.id).device.startswith(devices()[0].name)


def test_the_doctor_names_the_gpu_and_its_driver(settings: Settings) -> None:
    [found] = [one for one in machine.check(settings) if one.check == "devices"]
    assert found.level == "ok"
    assert devices()[0].title in found.sentence
    assert found.sentence.endswith(f"driver {smi('driver_version')}.")


def waits_for_input(process: psutil.Process) -> bool:
    """Whether all is imported: it does nothing then but read from its pipe."""
    before = process.cpu_times()
    time.sleep(1)
    return process.cpu_times() == before and process.cpu_times().user > 1


def on_the_gpu(pid: int) -> bool:
    """Whether the process has opened the GPU's device file."""
    return any(os.readlink(one).startswith("/dev/nvidia") for one in Path(f"/proc/{pid}/fd").iterdir())


def smi(field: str) -> str:
    asked = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader"]
    return subprocess.run(asked, capture_output=True, encoding="utf-8", check=True).stdout.strip()
