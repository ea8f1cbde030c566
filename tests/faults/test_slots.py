"""One job a device, and no job twice: cancel, hung jobs, several GPUs, orphans, two workers, many claimers."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from core.jobs import queue
from core.jobs.devices import Device
from core.jobs.launch import ensure_worker
from core.jobs.processes import is_alive, of_job
from core.jobs.slots import Slot, let_go
from core.settings import PROJECT, Settings
from core.store import queries
from core.store.engine import Store
from tests.faults.stubs import DONE, status, stub_gpus, stub_jobs, submit, until

DEAF = """
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "300"], start_new_session=True)
    subprocess.Popen(["sh", "-c", "setsid sleep 300 & exit"])
    time.sleep(300)
"""
SLEEP = """
    time.sleep(300)
"""


@pytest.mark.usefixtures("workers")
def test_cancelling_a_deaf_job_frees_its_slot_and_leaves_no_process(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ignores SIGTERM, has a child in a session of its own and a grandchild whose parent is gone."""
    stub_jobs(tmp_path / "stub", monkeypatch, DEAF)
    monkeypatch.setenv("UNCONFOUND_CANCEL_GRACE_SECONDS", "1")
    deaf, after = submit(store), submit(store)
    ensure_worker(settings)
    until(lambda: queries.get_job(store, deaf.id).pid is not None)
    token = queries.get_job(store, deaf.id).lease_token
    until(lambda: len(of_job(token)) >= 3)
    processes = of_job(token)
    began = time.monotonic()
    queue.request_cancel(store, deaf.id)
    until(lambda: status(store, after.id) == "running")
    print(f"cancel of a deaf job → slot free and taken again {time.monotonic() - began:.1f} s (grace 1 s)")
    assert status(store, deaf.id) == "cancelled"
    assert of_job(token) == []
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


@pytest.mark.usefixtures("workers")
def test_a_hung_job_is_ended_and_queued_again_and_in_the_end_fails(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_jobs(tmp_path / "stub", monkeypatch, SLEEP)
    monkeypatch.setenv("UNCONFOUND_HUNG_END_MINUTES", "0.01")
    job = submit(store)
    ensure_worker(settings)
    until(lambda: status(store, job.id) == "failed")
    found = queries.get_job(store, job.id)
    assert found.attempts == found.max_attempts
    assert "it made no progress for" in found.error


@pytest.mark.usefixtures("workers")
def test_a_gpu_a_job_at_the_same_time_from_one_worker(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_jobs(tmp_path / "stub", monkeypatch, SLEEP)
    stub_gpus(tmp_path / "bin", monkeypatch, 3)
    jobs = [submit(store) for _ in range(4)]
    ensure_worker(settings)
    until(lambda: [status(store, one.id) for one in jobs] == ["running"] * 3 + ["queued"])
    until(lambda: all(queries.get_job(store, one.id).pid for one in jobs[:3]))
    seen = {psutil.Process(queries.get_job(store, one.id).pid).environ()["CUDA_VISIBLE_DEVICES"] for one in jobs[:3]}
    assert seen == {"GPU-0", "GPU-1", "GPU-2"}
    assert len(queries.live_workers(store)) == 1


def test_what_outlives_its_worker_keeps_its_device(tmp_path: Path) -> None:
    slot = Slot((Device("cuda", "Stub", uuid="GPU-1"),), tmp_path / "devices")
    held = slot.hold()
    orphan = subprocess.Popen(["sleep", "60"], pass_fds=held)
    let_go(held)
    assert not slot.is_free()
    orphan.kill()
    orphan.wait()
    assert slot.is_free()


@pytest.mark.usefixtures("workers")
def test_a_frozen_job_of_a_dead_worker_is_ended_before_its_successor_starts(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_jobs(tmp_path / "stub", monkeypatch, SLEEP)
    monkeypatch.setenv("UNCONFOUND_CANCEL_GRACE_SECONDS", "1")
    job = submit(store)
    ensure_worker(settings)
    until(lambda: queries.get_job(store, job.id).pid is not None)
    first = queries.get_job(store, job.id)
    os.kill(first.pid, signal.SIGSTOP)
    [worker] = queries.live_workers(store)
    os.kill(worker.pid, signal.SIGKILL)
    until(lambda: not is_alive(worker.pid, worker.pid_started))
    until(lambda: ensure_worker(settings), every=0.5)
    until(lambda: queries.get_job(store, job.id).pid not in (None, first.pid))
    assert not is_alive(first.pid, first.pid_started)
    assert queries.get_job(store, job.id).attempts == 2


def test_another_process_with_the_same_number_is_not_mistaken() -> None:
    began = psutil.Process().create_time()
    assert is_alive(os.getpid(), began)
    assert not is_alive(os.getpid(), began - 3600)
    assert not is_alive(None, began)


def test_two_workers_on_one_store_run_no_job_twice(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock that makes the second leave is got round: each has a home of its own over the same database."""
    stub_jobs(
        tmp_path / "stub",
        monkeypatch,
        "    os.write(os.open(os.environ['STUB_LOG'], os.O_WRONLY | os.O_APPEND | os.O_CREAT), f'{job}\\n'.encode())\n"
        "    time.sleep(0.2)\n" + DONE,
    )
    monkeypatch.setenv("STUB_LOG", str(tmp_path / "ran"))
    monkeypatch.setenv("STUB_DATABASE", str(settings.home / "unconfound.sqlite"))
    monkeypatch.setenv("UNCONFOUND_DATABASE_URL", settings.url)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    jobs = [submit(store) for _ in range(16)]
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "core", "worker"],
            cwd=PROJECT,
            env={**os.environ, "UNCONFOUND_HOME": str(tmp_path / name)},
            stderr=subprocess.DEVNULL,
        )
        for name in ("one", "two")
    ]
    try:
        until(lambda: all(status(store, one.id) == "done" for one in jobs))
        by = Counter(queries.get_job(store, one.id).worker_id for one in jobs)
    finally:
        for one in both:
            one.terminate()
        for one in both:
            one.wait(timeout=30)
    assert sorted((tmp_path / "ran").read_text().split()) == sorted(one.id for one in jobs)
    assert [queries.get_job(store, one.id).attempts for one in jobs] == [1] * len(jobs)
    print(f"two workers shared {len(jobs)} jobs as {sorted(by.values())}")


def _claim_all(url: str, artifacts: Path, name: str, found: "multiprocessing.Queue[list[str]]") -> None:
    store, mine = Store(url, artifacts), []
    while (job := queue.claim(store, name, "cpu")) is not None:
        mine.append(job.id)
    found.put(mine)


@pytest.mark.both_databases
def test_a_thousand_jobs_are_claimed_exactly_once_by_eight_processes(store: Store, settings: Settings) -> None:
    jobs = [submit(store).id for _ in range(1000)]
    store.engine.dispose()
    context = multiprocessing.get_context("fork")
    found: multiprocessing.Queue[list[str]] = context.Queue()
    claimers = [
        context.Process(target=_claim_all, args=(settings.url, settings.artifacts, f"w{number}", found))
        for number in range(8)
    ]
    began = time.monotonic()
    for one in claimers:
        one.start()
    shares = [found.get(timeout=200) for _ in claimers]
    for one in claimers:
        one.join()
    print(f"1,000 jobs claimed by 8 processes in {time.monotonic() - began:.1f} s, shares {sorted(map(len, shares))}")
    assert sorted(job_id for share in shares for job_id in share) == sorted(jobs)
