"""Who is there: one supervisor a store, one executor on Ray, the dashboards that want them to stay, and who has a device.

All are locks on files, held for as long as the process lives. The operating system lets go of them however the process
ends, so nothing is ever stale after a kill or a power cut.

A job inherits the locks of its devices from the worker, which closes its own side. Where none can be inherited, on Windows and by
a process that was there before the job (`core.jobs.spares`), the worker names the files and the job locks them itself.
"""

import os
import socket
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

DEVICES = "UNCONFOUND_JOB_DEVICES"
"""Names to a job that has not inherited them the lock files of its devices."""

_FAR = 0x7FFF_FF00
"""The byte that is locked on Windows: there nobody else reads or writes a locked one, so it lies behind all content."""


def supervisor_lock(home: Path) -> FileLock:
    """The lock that the one supervisor of a store holds."""
    home.mkdir(parents=True, exist_ok=True)
    return FileLock(home / "supervisor.lock", thread_local=False)


def ray_lock(home: Path) -> FileLock:
    """The lock that the one executor of a store on a Ray cluster holds; a supervisor may run beside it."""
    home.mkdir(parents=True, exist_ok=True)
    return FileLock(home / "ray.lock", thread_local=False)


def try_lock(lock: FileLock) -> bool:
    """Take a lock if it is free; never wait."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def watch(home: Path) -> FileLock:
    """Declare this process a dashboard that is up: the supervisor does not leave while the lock is held.

    The mark bears the host's name too: in containers that share a store every dashboard may be process 1.
    """
    folder = home / "watchers"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{socket.gethostname()}-{os.getpid()}.lock", thread_local=False)
    lock.acquire(timeout=5)
    return lock


def watched(home: Path) -> bool:
    """Whether a dashboard of this store is up. Marks left by dead ones are swept away."""
    alive = False
    for path in sorted((home / "watchers").glob("*.lock")):
        lock = FileLock(path, thread_local=False)
        if not try_lock(lock):
            alive = True
        elif sys.platform == "win32":  # which removes no file that is open
            lock.release()
            with suppress(PermissionError):
                path.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)
            lock.release()
    return alive


def lock_now(descriptor: int) -> bool:
    """Lock an open file unless another process has it; it is held until the last copy of the descriptor is closed."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def lock_all(paths: Iterable[Path]) -> tuple[int, ...] | None:
    """Lock files, which are made where they are not there: the descriptors that hold them, or None where one is taken."""
    held: list[int] = []
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        held.append(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            free = lock_now(held[-1])
        except OSError:  # a file system without locks
            free = False
        if not free:
            let_go(held)
            return None
    return tuple(held)


def let_go(held: Iterable[int]) -> None:
    """Close descriptors that hold locks; whoever has inherited them holds on."""
    for descriptor in held:
        os.close(descriptor)


def inherited(held: Sequence[int]) -> dict[str, Any]:
    """Arguments of `subprocess.Popen` that hand the locks on to a job."""
    return {} if sys.platform == "win32" else {"pass_fds": held}


def named(paths: Sequence[Path], *, always: bool = False) -> dict[str, str]:
    """Variables that tell a job which files to lock itself: where nothing is inherited, or `always`."""
    return {DEVICES: os.pathsep.join(map(str, paths))} if always or sys.platform == "win32" else {}


def lock_named(environment: Mapping[str, str], seconds: float) -> bool:
    """Lock the files that the worker named, if it did: until this process ends. False where another process keeps one.

    Processes that this one starts without closing its descriptors, the other ranks of its job, hold the locks too.
    """
    paths = [Path(name) for name in environment.get(DEVICES, "").split(os.pathsep) if name]
    deadline = time.monotonic() + seconds
    while (held := lock_all(paths)) is None:  # the worker is about to let go of them
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    for descriptor in held:
        os.set_inheritable(descriptor, True)
    return True
