"""The processes of a job: telling one from a later one of the same number, and ending all of them for certain.

Every process that a job starts inherits the job's token in its environment. So what belongs to a job is found wherever it
hangs in the tree: ranks of torchrun sit in sessions of their own, and children of a dead parent hang below another one.

Windows has no signal that asks: SIGTERM ends a process there at once. What asks there is a file named by the token, which
the job looks for twice a second.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import psutil

from core.system.processes import tree

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
_LOOK_SECONDS = 0.5


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
    there = tree(pid)
    _signal(there, signal.SIGTERM)
    _gone, alive = psutil.wait_procs(there, timeout=grace)
    _kill(alive)
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


def ask(token: str, home: Path) -> None:
    """SIGTERM to every process of a job. home: of the store, in which Windows keeps what asks."""
    if sys.platform == "win32":
        _mark(token, home).parent.mkdir(parents=True, exist_ok=True)
        _mark(token, home).touch()
    else:
        _signal(of_job(token), signal.SIGTERM)


def when_asked(token: str, home: Path, tell: Callable[[], None]) -> None:
    """On Windows, have `tell` called once somebody has asked this job to stop; elsewhere a signal comes."""
    if sys.platform == "win32":

        def look() -> None:
            while not _mark(token, home).exists():
                time.sleep(_LOOK_SECONDS)
            tell()

        threading.Thread(target=look, name="stop-watch", daemon=True).start()


def end_job(token: str, *, grace: float = 0.0, home: Path | None = None) -> None:
    """Ask every process of a job to stop, as `ask` does; after `grace` seconds SIGKILL, until none is left."""
    there = of_job(token)
    if grace > 0 and home is not None and there:
        ask(token, home)
        _wait(there, grace)
        there = of_job(token)
    _end(token, there)
    if sys.platform == "win32" and home is not None:
        _mark(token, home).unlink(missing_ok=True)


def _mark(token: str, home: Path) -> Path:
    return home / "asked" / sha256(token.encode()).hexdigest()[:32]


def _end(token: str, there: list[psutil.Process]) -> None:
    for _ in range(_ROUNDS):  # one may start another between the look and the signal
        if not there:
            return
        _kill(there)
        _wait(there, 1)
        there = of_job(token)


def reap(keep: set[int]) -> None:
    """Let go of dead children that nobody waits for; `keep` are those that somebody does. Windows keeps no such."""
    if sys.platform != "win32":
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

    is_there = _watched(worker)

    def look() -> None:
        while is_there():
            time.sleep(_LOOK_SECONDS)
        tell()
        time.sleep(grace)
        os._exit(code)

    threading.Thread(target=look, name="orphan-watch", daemon=True).start()


def _watched(worker: int) -> Callable[[], bool]:
    """Tells whether the worker is there.

    On Windows a process never gets another parent, and in a virtual environment its parent is no worker but a small
    `python.exe` that started the real one; so the worker's process itself is looked at there.
    """
    if sys.platform == "win32":
        started = began(worker)
        return lambda: is_alive(worker, started)
    else:
        return lambda: os.getppid() == worker


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


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
