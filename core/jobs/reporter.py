"""How a job tells the database how far it is, and learns whether it should stop.

Writes are gathered and sent at most once a second, so a job never waits long for the database, nor the database for a job.
"""

import signal
import time
from collections.abc import Callable
from types import FrameType

from sqlalchemy.orm import Session

from core.jobs import queue
from core.settings import Settings
from core.store.engine import Store
from core.store.tables import Job

EVERY_SECONDS = 1.0


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
        """Note how far the job is (0 to 1) and what it is doing.

        Raises:
            LeaseLostError: the job has been taken away.
        """
        self._progress, self._message = min(max(share, 0.0), 1.0), message
        if time.monotonic() - self._sent_at >= EVERY_SECONDS:
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
        """Send what waits, in one transaction that also proves that the job is still this process's."""
        pending, self._pending = self._pending, []
        with self.store.writing() as session:
            asked = queue.report(session, self.job.id, self._token, self._progress, self._message)
            for write in pending:
                write(session)
        self._stop = self._stop or asked
        self._sent_at = time.monotonic()

    def should_stop(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._stop

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True
