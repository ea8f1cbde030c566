"""Waiting for a job to end, with a line of progress for whoever waits."""

import time
from collections.abc import Callable

from core.jobs.launch import ensure_worker
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Job

POLL_SECONDS = 0.3
RESTART_SECONDS = 10.0


def wait_for(
    store: Store,
    settings: Settings,
    job_id: str,
    *,
    tell: Callable[[float, str], None] | None = None,
) -> Job:
    """Return the job once it has ended (done, failed or cancelled), starting a worker again should it have died.

    Args:
        tell: called with (progress in 0 … 1, message) whenever either has changed.
    """
    told: tuple[float, str] | None = None
    looked_at = time.monotonic()
    while True:
        job = queries.get_job(store, job_id)
        if (job.progress, job.message) != told and job.status not in queries.ENDED:
            told = (job.progress, job.message)
            if tell is not None:
                tell(*told)
        if job.status in queries.ENDED:
            return job
        if time.monotonic() - looked_at > RESTART_SECONDS:
            ensure_worker(settings)
            looked_at = time.monotonic()
        time.sleep(POLL_SECONDS)
