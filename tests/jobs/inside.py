"""Jobs in the process of the test, for tests that need what they leave and not how they ran: no import, no worker, no wait."""

from unittest.mock import patch

from core.jobs import queue
from core.jobs.reporter import Reporter
from core.jobs.run import task_of
from core.settings import Settings
from core.store.engine import Store


def carry_out(store: Store, settings: Settings) -> None:
    """Everything that waits, one after the other, by the code that a job's own process calls. It must succeed."""
    with patch("signal.signal"):  # a job's process is asked to stop by a signal; this one is pytest's
        while (job := queue.claim(store, "here", "cpu")) is not None:
            reporter = Reporter(store, settings, job, str(job.lease_token))
            result = task_of(job.kind)(reporter)
            reporter.flush()
            assert queue.finish(store, job.id, str(job.lease_token), "done", result=result, exit_code=0)
