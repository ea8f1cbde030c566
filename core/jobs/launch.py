"""Seeing to it that a worker runs, however many ask."""

import os
import subprocess
import sys

from core.jobs.locks import DEVICES, ray_lock, supervisor_lock, try_lock
from core.jobs.processes import TOKEN, WORKER
from core.settings import PROJECT, Settings
from core.system.processes import apart, in_utf8


def ensure_worker(settings: Settings) -> bool:
    """Start a detached worker for this store unless one is there. Returns whether one was started.

    Where the worker is a service of its own (`start_worker` is off, as in Docker), that is none of this process's business.

    Where the settings name a Ray cluster it is the executor on that cluster, and nothing runs on this machine.

    Of several that start at the same moment all but one find the lock taken and leave at once.
    """
    if not settings.start_worker:
        return False
    home = settings.home.resolve()
    lock = ray_lock(home) if settings.ray_address else supervisor_lock(home)
    if not try_lock(lock):
        return False
    lock.release()
    environment = {name: value for name, value in os.environ.items() if name not in (TOKEN, WORKER, DEVICES)}
    with (home / "worker.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "core", "worker", "--idle-exit", str(settings.worker_idle_seconds)],
            cwd=PROJECT,
            env={**environment, **in_utf8(), "UNCONFOUND_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **apart(),
        )
    return True
