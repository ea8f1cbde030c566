"""What tests of jobs share: cheap stand-ins for a job's process and for several GPUs, and ways to look and to wait."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from core.jobs import queue
from core.store import queries
from core.store.engine import Store
from core.store.tables import Job

_HEAD = """
import os, sqlite3, subprocess, sys, time
if "core.jobs.run" in sys.orig_argv:
    job, token = sys.orig_argv[-1], os.environ["UNCONFOUND_JOB_TOKEN"]
"""

DONE = """
    line = sqlite3.connect(os.environ["STUB_DATABASE"], timeout=60, isolation_level=None)
    line.execute("UPDATE jobs SET status = 'done', lease_token = NULL WHERE id = ? AND lease_token = ?", (job, token))
    os._exit(0)
"""


def stub_jobs(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """From here on the process of every job runs `body` (indented by four) before anything else."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_HEAD + body)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def stub_gpus(folder: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """From here on `nvidia-smi` tells of so many GPUs."""
    folder.mkdir(exist_ok=True)
    command = folder / "nvidia-smi"
    lines = "\n".join(f"Stub, GPU-{number}, 16384" for number in range(count))
    command.write_text(f"#!/bin/sh\ncat <<EOF\n{lines}\nEOF\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def submit(store: Store, **options: object) -> Job:
    with store.writing() as session:
        return queue.submit(session, "diagnose", {}, max_queue=10_000, **options)


def spares(store: Store) -> list[psutil.Process]:
    """The spare processes of the worker that wait: once one works on a job, the job's row names it."""
    [worker] = queries.live_workers(store)
    with store.reading() as session:
        busy = set(session.scalars(select(Job.pid)))
    return [one for one in psutil.Process(worker.pid).children() if one.pid not in busy and is_spare(one)]


def is_spare(process: psutil.Process) -> bool:
    """Whether the process is there, and was started to stand ready."""
    try:
        return process.cmdline()[-1:] == ["core.jobs.spare"]
    except psutil.NoSuchProcess:  # a zombie is none either
        return False


def status(store: Store, job_id: str) -> str:
    return queries.get_job(store, job_id).status


PATIENCE = float(os.environ.get("FAULTS_PATIENCE", "120"))
"""Seconds that anything may take; more on a machine that is busy with other work."""


def until(condition: Callable[[], object], seconds: float = PATIENCE, every: float = 0.05) -> float:
    """Wait for something; how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(every)
    return time.monotonic() - began
