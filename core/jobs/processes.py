"""The processes of a job: telling one from a later one of the same number, and ending all of them for certain.

Every process that a job starts inherits the job's token in its environment. So what belongs to a job is found wherever it
hangs in the tree: ranks of torchrun sit in sessions of their own, and children of a dead parent hang below another one.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import psutil

TOKEN = "UNCONFOUND_JOB_TOKEN"  # noqa: S105 - the name of a variable
WORKER = "UNCONFOUND_WORKER_PID"
OWN_LOG = "UNCONFOUND_JOB_OWN_LOG"
"""Set where nobody else leads what a job prints into its log."""
STOPPED = 3
"""Exit code of a job's process that stopped before the end, its state saved."""
RANK_DIED = 4
"""Exit code of a job's process that one of those that shared its work has left by dying."""

_SAME_SECONDS = 2.0
"""Start times are told from the clock of the machine, which may be set meanwhile."""

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
_ROUNDS = 20


def began(pid: int) -> float | None:
    """When a process began, or None when there is none with this number."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def is_alive(pid: int | None, started: float | None) -> bool:
    """Whether this very process still runs, and not another that got its number."""
    if pid is None or started is None:
        return False
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started) < _SAME_SECONDS)
    except psutil.Error:
        return False


def end_tree(pid: int, *, grace: float) -> None:
    """SIGTERM to a process and all below it; after `grace` seconds SIGKILL to whatever is left."""
    try:
        parent = psutil.Process(pid)
        tree = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
    _signal(tree, signal.SIGTERM)
    _gone, alive = psutil.wait_procs(tree, timeout=grace)
    _signal(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)


def of_job(token: str) -> list[psutil.Process]:
    """Every live process that carries the token of a job, but for this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(TOKEN) == token:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def ask(token: str) -> None:
    """SIGTERM to every process of a job."""
    _signal(of_job(token), signal.SIGTERM)


def end_job(token: str, *, grace: float = 0.0) -> None:
    """SIGTERM to every process of a job; after `grace` seconds SIGKILL, until none is left."""
    there = of_job(token)
    if grace > 0:
        _signal(there, signal.SIGTERM)
        _wait(there, grace)
        there = of_job(token)
    for _ in range(_ROUNDS):  # one may start another between the look and the signal
        if not there:
            return
        _signal(there, signal.SIGKILL)
        _wait(there, 1)
        there = of_job(token)


def reap(keep: set[int]) -> None:
    """Let go of dead children that nobody waits for; `keep` are those that somebody does."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, ChildProcessError):
            if child.pid not in keep and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)


def adopt_orphans() -> None:
    """Be the parent of grandchildren whose own parent dies, so that they stay below this process (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)


def when_orphaned(worker: int, tell: Callable[[], None], *, grace: float, code: int) -> None:
    """Watch from a thread whether the worker that started this process still is its parent.

    When it is not, `tell` is called, and `grace` seconds later the process ends with `code` whatever it is doing: the next
    worker will give the job to another process, and two must not work on one run.
    """

    def look() -> None:
        while os.getppid() == worker:
            time.sleep(0.5)
        tell()
        time.sleep(grace)
        os._exit(code)

    threading.Thread(target=look, name="orphan-watch", daemon=True).start()


def _signal(processes: list[psutil.Process], which: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(which)
        except psutil.NoSuchProcess:
            continue


def _wait(processes: list[psutil.Process], seconds: float) -> None:
    """Until all are gone, or so long. Not `psutil.wait_procs`, which takes exit codes away from `subprocess`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(map(_runs, processes)):
        time.sleep(0.02)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
