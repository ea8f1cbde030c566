"""`python -m core.jobs.run ID`: carry out one claimed job in this process. The supervisor starts it; its output is the job's log.

Exit code 0: done. 1: failed, and the row says why. 3: stopped before the end, because somebody asked or the job is no
longer this process's; the supervisor, which knows which of the two it was, ends the row.
"""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from core.errors import UserError
from core.jobs.queue import LeaseLostError, finish
from core.jobs.reporter import Reporter, StoppedError
from core.settings import get_settings
from core.store import queries
from core.store.engine import open_store
from core.store.tables import Job

STOPPED = 3
Task = Callable[[Reporter], dict[str, Any]]


def main(job_id: str) -> int:
    """Carry the job out and write how it ended."""
    settings = get_settings()
    store = open_store(settings)
    token = os.environ.get("UNCONFOUND_JOB_TOKEN", "")
    job = queries.get_job(store, job_id)
    if job.status != "running" or job.lease_token != token:
        print("This job is not this process's to run; the worker starts jobs.", file=sys.stderr)
        return STOPPED
    reporter = Reporter(store, settings, job, token)
    try:
        result = _task(job)(reporter)
        reporter.flush()
    except (StoppedError, LeaseLostError):
        print("stopped", file=sys.stderr)
        return STOPPED
    except UserError as error:
        return _failed(store, job, token, str(error))
    except MemoryError:
        return _failed(store, job, token, "There was not enough memory. Try a smaller batch_size or fewer probes.")
    except Exception as error:
        what = (str(error).splitlines() or [""])[0]
        message = f"It stopped on an error of ours ({type(error).__name__}: {what:.200}). The log has the details."
        return _failed(store, job, token, message)
    if finish(store, job.id, token, "done", result=result, exit_code=0) and job.kind == "train":
        # Only now: a crash before the row says "done" must find the state to go on from.
        from core.training.state import drop_state

        drop_state(store.artifacts.path(f"runs/{job.run_id}"))
    return 0


def _task(job: Job) -> Task:
    # Imported here: each brings torch, which takes seconds, and a stale or unknown job should not.
    if job.kind == "train":
        from core.jobs.tasks.train import train as task
    elif job.kind == "diagnose":
        from core.jobs.tasks.diagnose import diagnose as task
    elif job.kind == "evaluate":
        from core.jobs.tasks.evaluate import evaluate as task
    else:
        raise UserError(f"This version knows no job of the kind {job.kind!r}.")
    return task


def _failed(store: Any, job: Job, token: str, message: str) -> int:
    traceback.print_exc()
    finish(store, job.id, token, "failed", error=message, exit_code=1)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
