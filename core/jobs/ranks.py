"""The processes that do one job together: the job's own is the first rank, and it starts the others.

They are fresh processes, never forks. Each inherits the job's token, by which the worker finds and ends it, and the locks
of the job's devices. The first rank alone talks to the database and hears of a cancel; the others do what it tells them.
A rank that dies takes the job with it, which goes back into the queue and on from its last saved state: the rest would
wait for the dead one for ever.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from core.jobs.processes import RANK_DIED
from core.system import on_windows

if TYPE_CHECKING:
    from core.training.ranks import Ranks

LOOK_SECONDS = 0.2
NOTICE_SECONDS = 3.0
"""When work in common breaks off, the death of a rank is seen within this time if that was the reason."""
LEAVE_SECONDS = 20.0


@contextmanager
def team(size: int) -> Iterator["Ranks"]:
    """The ranks of a job, this process being the first; when they are no longer needed, the others are gone."""
    if size == 1:
        from core.training.ranks import Ranks

        yield Ranks()
        return
    over = threading.Event()
    with TemporaryDirectory(prefix="unconfound-ranks-", ignore_cleanup_errors=on_windows()) as folder:
        meeting = Path(folder) / "meeting"
        others = [_start(rank, size, meeting) for rank in range(1, size)]
        threading.Thread(target=_watch, args=(others, over), name="rank-watch", daemon=True).start()
        try:
            from core.training.joined import Joined  # brings torch: meanwhile the others start, too

            ranks = Joined(0, size, meeting)
            try:
                yield ranks
                over.set()
                ranks.first(lambda: None)
                for other in others:
                    other.wait(LEAVE_SECONDS)
            except RuntimeError:
                time.sleep(NOTICE_SECONDS)
                raise
            finally:
                _end(others, over)
                ranks.leave()
        finally:
            _end(others, over)


def tell(ranks: "Ranks", task: str, **arguments: Any) -> dict[str, Any]:
    """Have the other ranks do a task of `core.jobs.rank`; gives the arguments back, for the first rank's own part."""
    ranks.first(lambda: (task, arguments))
    return arguments


def _start(rank: int, size: int, meeting: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "core.jobs.rank", str(rank), str(size), str(meeting), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        close_fds=False,  # what may be inherited are the locks of the devices
    )


def _end(others: Sequence["subprocess.Popen[bytes]"], over: threading.Event) -> None:
    over.set()
    for other in others:
        other.kill()
        other.wait()


def _watch(others: Sequence["subprocess.Popen[bytes]"], over: threading.Event) -> None:
    """End this process, and with it the job, when another rank dies."""
    while not over.wait(LOOK_SECONDS):
        for rank, other in enumerate(others, start=1):
            code = other.poll()
            if code is None or over.is_set():
                continue
            how = f"was ended by the signal {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"
            print(
                f"Process {rank} of 0 to {len(others)} {how}. The job ends here; it is begun again from its last state.",
                file=sys.stderr,
                flush=True,
            )
            for one in others:
                one.kill()
            os._exit(RANK_DIED)
