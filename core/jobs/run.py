"""`python -m core.jobs.run ID`: carry out one claimed job in this process. The supervisor or Ray starts it, or a spare process
(`core.jobs.spare`) calls it; its output is the job's log.

Exit code 0: done. 1: failed, and the row says why. 3: stopped before the end, because somebody asked, the worker is gone or
the job is no longer this process's; the supervisor, which knows which of them it was, ends the row.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

from core.errors import UserError
from core.jobs.locks import lock_named, lock_now
from core.jobs.logs import log_path, print_into
from core.jobs.processes import OWN_LOG, STOPPED, TOKEN, WORKER, adopt_orphans, when_asked, when_orphaned
from core.jobs.queue import LeaseLostError, finish
from core.jobs.reporter import Reporter, StoppedError
from core.settings import Settings, get_settings
from core.store import queries
from core.store.engine import Store, open_store
from core.store.remote import ArtifactTroubleError
from core.system.imports import ALONE, importing
from core.system.processes import leave

ORPHAN_GRACE_SECONDS = 15.0
ALONE_SECONDS = 30.0
Task = Callable[[Reporter], dict[str, Any]]
TASKS = {
    "train": ("train", "train"),
    "diagnose": ("diagnose", "diagnose"),
    "evaluate": ("evaluate", "evaluate"),
    "try": ("try_text", "try_text"),
}
"""Each kind of job: a module of `core.jobs.tasks`, and the function there that carries it out."""


def main(job_id: str) -> int:
    """Carry the job out and write how it ended. Returns the exit code."""
    settings = get_settings()
    store = open_store(settings)
    try:
        return _carry_out(job_id, store, settings)
    finally:
        store.engine.dispose()


def _carry_out(job_id: str, store: Store, settings: Settings) -> int:
    token = os.environ.get(TOKEN, "")
    store.migrate()
    job = queries.get_job(store, job_id)
    if job.status != "running" or job.lease_token != token:
        print("This job is not this process's to run; the worker starts jobs.", file=sys.stderr)
        return STOPPED
    if not _alone(store, job_id):
        print("An earlier process of this job has not ended yet.", file=sys.stderr)
        return STOPPED
    if not lock_named(os.environ, ALONE_SECONDS):
        print("Another process still has a device of this job.", file=sys.stderr)
        return STOPPED
    if OWN_LOG in os.environ:
        print_into(log_path(store, job_id))
    adopt_orphans()
    reporter = Reporter(store, settings, job, token)
    _watch_worker(reporter)
    when_asked(token, settings.home.resolve(), reporter.stop)
    try:
        result = reporter.patiently(lambda: task_of(job.kind)(reporter))
        reporter.flush()
    except (StoppedError, LeaseLostError):
        print("stopped", file=sys.stderr)
        return STOPPED
    except UserError as error:
        return _failed(reporter, token, str(error))
    except MemoryError:
        return _failed(reporter, token, "There was not enough memory. Try a smaller batch_size or fewer probes.")
    except Exception as error:
        what = (str(error).splitlines() or [""])[0]
        message = f"It stopped on an error of ours ({type(error).__name__}: {what:.200}). The log has the details."
        return _failed(reporter, token, message)
    if _finish(reporter, token, "done", result=result, exit_code=0) and job.kind == "train":
        # Only now: a crash before the row says "done" must find the state to go on from.
        from core.jobs.tasks.train import state_of

        try:
            store.artifacts.delete(state_of(str(job.run_id)))
        except ArtifactTroubleError as trouble:  # it goes with the run
            print(trouble, file=sys.stderr)
    return 0


def _alone(store: Store, job_id: str) -> bool:
    """Whether no other process works on this job; held until this one ends, however it does.

    The worker has ended every earlier one before. This is the last line: not even a process that could not be found there
    may write beside its successor.
    """
    path = log_path(store, job_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
    deadline = time.monotonic() + ALONE_SECONDS
    while True:
        if lock_now(descriptor):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)


def _watch_worker(reporter: Reporter) -> None:
    worker = os.environ.get(WORKER)
    if worker is None:
        return

    def tell() -> None:
        print("The worker is gone; this process saves its state and leaves.", file=sys.stderr, flush=True)
        reporter.stop()

    when_orphaned(int(worker), tell, grace=ORPHAN_GRACE_SECONDS, code=STOPPED)


def task_of(kind: str) -> Task:
    """What carries out jobs of a kind.

    Raises:
        UserError: this version knows no such kind.
    """
    if kind not in TASKS:
        raise UserError(f"This version knows no job of the kind {kind!r}.")
    # Imported here: each brings torch, which takes seconds, and a stale or unknown job should not.
    with importing(without=ALONE):
        module, name = TASKS[kind]
        task: Task = getattr(import_module(f"core.jobs.tasks.{module}"), name)
    return task


def _failed(reporter: Reporter, token: str, message: str) -> int:
    traceback.print_exc()
    return 1 if _finish(reporter, token, "failed", error=message, exit_code=1) else STOPPED


def _finish(reporter: Reporter, token: str, status: str, **values: Any) -> bool:
    """End the job's row; while the store is in trouble, wait. False when it was not this process's to end."""
    try:
        return reporter.patiently(lambda: finish(reporter.store, reporter.job.id, token, status, **values))
    except StoppedError:
        return False


if __name__ == "__main__":
    leave(main(sys.argv[1]))
