"""How a job tells the database how far it is, and learns whether it should stop.

Writes are gathered and sent at most once a second (only the first sign of work goes at once), so a job never waits long for the
database, nor the database for a job.
While the database or the disk cannot be written the job waits and tries again, for hours if need be.
"""

import contextlib
import errno
import re
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import psutil
from sqlalchemy.orm import Session

from core.jobs import queue
from core.settings import Settings
from core.store.engine import Store
from core.store.remote import ArtifactTroubleError
from core.store.tables import Job
from core.store.trouble import StoreTroubleError

EVERY_SECONDS = 1.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
_OS_ERROR = re.compile(r"\(os error (\d+)\)")

T = TypeVar("T")


class StoppedError(Exception):
    """Somebody asked the job to stop, and it did."""


class Reporter:
    """One job's line to the store."""

    def __init__(self, store: Store, settings: Settings, job: Job, token: str) -> None:
        self.store = store
        self.settings = settings
        self.job = job
        self._token = token
        self._pending: list[Callable[[Session], object]] = []
        self._progress = 0.0
        self._message = job.message
        self._sent_at = 0.0
        self._stop = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def tell(self, share: float, message: str) -> None:
        """Note how far the job is (0 to 1) and what it is doing. Sent once a second at most; that it is at work, at once.

        Raises:
            LeaseLostError: the job has been taken away.
        """
        begins = self._progress == 0.0 and share > 0.0
        self._progress, self._message = min(max(share, 0.0), 1.0), message
        if begins or time.monotonic() - self._sent_at >= EVERY_SECONDS:
            self.flush()

    def progress(self, share: float, message: str) -> None:
        """As `tell`, for work that is simply broken off when somebody asks for it.

        Raises:
            StoppedError: somebody asked the job to stop.
            LeaseLostError: the job has been taken away.
        """
        self.tell(share, message)
        if self._stop:
            raise StoppedError

    def later(self, write: Callable[[Session], object]) -> None:
        """Have something written with the next report."""
        self._pending.append(write)

    def write(self, write: Callable[[Session], object]) -> None:
        """Have something written now, after everything that waits."""
        self.later(write)
        self.flush()

    def flush(self) -> None:
        """Send what waits, in one transaction that also proves that the job is still this process's.

        Raises:
            StoppedError: the store was in trouble, and somebody asked the job to stop meanwhile.
            LeaseLostError: the job has been taken away.
        """
        pending, self._pending = self._pending, []

        def send() -> bool:
            with self.store.writing() as session:
                asked = queue.report(session, self.job.id, self._token, self._progress, self._message)
                for write in pending:
                    write(session)
            return asked

        asked = self.patiently(send)
        self._stop = self._stop or asked
        self._sent_at = time.monotonic()

    def make_room(self) -> None:
        """Between two parts of the work, the first of which will not be done again: let jobs that wait go first.

        Raises:
            StoppedError: the job is back in the queue and goes on after them.
        """
        self.flush()
        if self.patiently(lambda: queue.make_room(self.store, self.job.id, self._token)):
            print("Others wait for this device; this job goes on after them.", flush=True)
            raise StoppedError

    def patiently(self, work: Callable[[], T]) -> T:
        """Do something, and do it again for as long as the database or the disk is in trouble.

        Raises:
            StoppedError: somebody asked the job to stop meanwhile.
        """
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return work()
            except Exception as error:
                why = trouble(error)
                if why is None:
                    raise
                if wait == FIRST_WAIT_SECONDS:
                    print(f"{why} Waiting, and trying again.", file=sys.stderr, flush=True)
                if isinstance(error, ArtifactTroubleError):
                    self._tell_waiting(why)
            self._wait(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    def should_stop(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._stop

    def stop(self) -> None:
        """Ask the job to stop, from within its process."""
        self._stop = True

    def _tell_waiting(self, why: str) -> None:
        """Say in the job's row that it waits, so that it is not taken for hung; the database still answers."""
        with contextlib.suppress(StoreTroubleError), self.store.writing() as session:
            self._stop |= queue.report(session, self.job.id, self._token, self._progress, f"waiting: {why}")

    def _wait(self, seconds: float) -> None:
        """Wait so long, and until there is room on the disk."""
        until = time.monotonic() + seconds
        while time.monotonic() < until or not self._disk_has_room():
            if self._stop:
                raise StoppedError
            time.sleep(0.2)

    def _disk_has_room(self) -> bool:
        try:
            free = int(psutil.disk_usage(str(self.settings.home)).free)
        except OSError:
            return True
        return free >= self.settings.min_free_mb * 1024 * 1024

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True


def trouble(error: BaseException) -> str | None:
    """A sentence about a database or a disk that cannot be written at the moment; None for every other error."""
    if isinstance(error, StoreTroubleError):
        return str(error)
    found = _OS_ERROR.search(str(error))  # safetensors' own errors name the number only in their text
    number = error.errno if isinstance(error, OSError) else int(found[1]) if found else None
    return f"The disk cannot be written ({error})." if number in _OF_THE_DISK else None
