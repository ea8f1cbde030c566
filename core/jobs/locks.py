"""Who is there: one supervisor a store, one executor on Ray, and the dashboards that want them to stay.

Both are locks on files, held for as long as the process lives. The operating system lets go of them however the process
ends, so nothing is ever stale after a kill or a power cut.
"""

import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout


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
        if try_lock(lock):
            path.unlink(missing_ok=True)
            lock.release()
        else:
            alive = True
    return alive
