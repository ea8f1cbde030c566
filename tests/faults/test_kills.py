"""kill -9 of the job, the worker or both, at any moment: the run ends as if nothing had happened, to the last bit.

One run with tuning rounds is made without a fault. Others like it are killed at seeded random moments, some while the
process only starts, most in the middle of training. Nothing may be lost, doubled or different.
"""

import contextlib
import os
import random
import signal
import statistics
import time

import pytest

from core.actions.datasets import add_sample
from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.jobs.launch import ensure_worker
from core.jobs.processes import is_alive
from core.settings import Settings
from core.store import queries
from core.store.artifacts import file_sha256
from core.store.engine import Store
from core.store.tables import Job, Worker
from tests.faults.stubs import until

KILLS = int(os.environ.get("UNCONFOUND_TEST_KILLS", "6"))
"""Two of each kind; docs/speed.md was measured with 20."""
OPTIONS = {
    "label_epochs": "4",
    "checkpoints": "8",
    "interval": "12",
    "round_epochs": "2",
    "round_batch": "4",
    "probes_per_epoch": "6",
    "k": "2",
    "max_length": "16",
    "diagnose_every": "26",
    "diagnose_probes": "8",
}


@pytest.mark.usefixtures("workers")
@pytest.mark.timeout(1500)
def test_a_run_killed_at_any_moment_ends_with_the_same_bits(store: Store, settings: Settings) -> None:
    dataset = add_sample(store, settings, "textlen")
    dice = random.Random(20)

    def start(name: str) -> Job:
        begun = start_training(
            store, settings, dataset, method="influence-tuning", encoder="tiny", options=OPTIONS, name=name
        )
        with store.writing() as session:
            session.get_one(Job, begun.job.id).max_attempts = KILLS + 2
        return begun.job

    began = time.monotonic()
    job = start("whole")
    first_step = until(lambda: queries.get_job(store, job.id).progress > 0)
    assert wait_for(store, settings, job.id).status == "done"
    print(f"submit → first step {first_step:.1f} s, whole run {time.monotonic() - began:.1f} s")
    reference = everything(store, "whole")
    assert len(reference["rounds"]) >= 3

    resumed: dict[str, list[float]] = {"job": [], "worker": [], "both": []}
    job, runs, killed = start("killed-1"), 1, 0
    while killed < KILLS:
        if dice.random() < 0.2:
            until(lambda job=job: queries.get_job(store, job.id).pid is not None or ended(store, job))
            time.sleep(dice.uniform(0, 2))
        else:
            until(lambda job=job: at_work(queries.get_job(store, job.id)) or ended(store, job))
            time.sleep(dice.uniform(0, 1.5))
        what = ("job", "worker", "both")[killed % 3]
        there = queries.get_job(store, job.id)
        if there.status != "running" or there.pid is None:
            if ended(store, job):
                assert everything(store, f"killed-{runs}") == reference
                runs += 1
                job = start(f"killed-{runs}")
            continue
        worker = worker_of(store, there)
        kill(what, there, worker)
        killed += 1
        at = time.monotonic()
        if what != "job":
            until(lambda worker=worker: not is_alive(worker.pid, worker.pid_started))
            until(lambda: ensure_worker(settings), every=0.5)  # its last thread may hold its lock for a moment yet
        # At work again, in another process than before (or just ended, where the kill came too late).
        until(lambda job=job, old=there: ended(store, job) or is_another(queries.get_job(store, job.id), old))
        resumed[what].append(time.monotonic() - at)
    assert wait_for(store, settings, job.id).status == "done"
    assert everything(store, f"killed-{runs}") == reference
    for what, seconds in resumed.items():
        print(f"kill {what} → resumed: median {statistics.median(seconds):.1f} s, longest {max(seconds):.1f} s")
    print(f"{killed} kills in {runs} runs; {time.monotonic() - began:.0f} s in all; jobs lost: 0")


def kill(what: str, job: Job, worker: Worker) -> None:
    victims = {"job": [job.pid], "worker": [worker.pid], "both": [worker.pid, job.pid]}[what]
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(pid, signal.SIGKILL)


def worker_of(store: Store, job: Job) -> Worker:
    with store.reading() as session:
        return session.get_one(Worker, job.worker_id)


def at_work(job: Job) -> bool:
    return job.status == "running" and job.pid is not None and job.message.startswith(("Epoch", "Round", "Eval"))


def is_another(job: Job, old: Job) -> bool:
    return at_work(job) and (job.pid, job.attempts) != (old.pid, old.attempts)


def ended(store: Store, job: Job) -> bool:
    return queries.get_job(store, job.id).status in queries.ENDED


def everything(store: Store, name: str) -> dict[str, object]:
    """All that a run leaves, but for its clock and its name: numbers with their steps, rounds, evaluations, weights."""
    run = queries.get_run(store, name)
    assert run.status == "done"
    numbers = queries.metrics(store, run.id)
    numbers = numbers[numbers["name"] != "seconds"]
    there = queries.checkpoints(store, run.id)
    return {
        "steps": run.steps,
        "metrics": numbers.to_numpy().tolist(),
        "rounds": [{**one.report, "seconds": None} for one in queries.rounds(store, [run.id])],
        "evaluations": [(one.step, one.split, one.report) for one in queries.evaluations(store, run.id)],
        "checkpoints": [(one.step, one.epoch, one.final) for one in there],
        "weights": [file_sha256(store.artifacts.fetch_folder(str(one.path)) / "model.safetensors") for one in there],
    }
