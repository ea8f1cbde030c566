"""What is thrown away by itself: deleted runs whose time has come, with everything that belongs to them."""

import sys
import time
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import aliased

from core.errors import UserError
from core.settings import Settings
from core.store.clock import moment
from core.store.engine import Store, take_turn
from core.store.queries import ENDED
from core.store.remote import ArtifactTroubleError
from core.store.tables import Job, Run

EVERY_SECONDS = 600.0
"""How often a worker looks."""


class Housekeeper:
    """Looks now and then; a worker calls it at every turn of its own."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._looked_at: float | None = None

    def look(self) -> None:
        """Remove what is overdue, if the last look was long enough ago.

        Raises:
            StoreTroubleError: the database cannot be used at the moment.
        """
        if self._looked_at is not None and time.monotonic() - self._looked_at < EVERY_SECONDS:
            return
        self._looked_at = time.monotonic()
        try:
            remove_overdue(self._store, self._settings.deleted_days)
        except ArtifactTroubleError as trouble:  # the rows are gone; the sentence names the files that are left
            print(trouble, file=sys.stderr, flush=True)


def remove_overdue(store: Store, days: float) -> int:
    """Remove for good the runs that were deleted more than so many days ago. Returns how many.

    A run stays while a job works on it, or on a child that may still need the weights it begins with.
    """
    child = aliased(Run)
    needed = select(child.id).where(child.parent_id == Run.id, child.status.not_in(ENDED)).exists()
    busy = select(Job.id).where(Job.run_id == Run.id, Job.status.not_in(ENDED)).exists()
    with store.reading() as session:
        before = moment(session) - timedelta(days=days)
        overdue = session.scalars(select(Run.id).where(Run.deleted_at < before, ~needed, ~busy)).all()
    return sum(remove_run(store, run_id, only_deleted=True) for run_id in overdue)


def remove_run(store: Store, run_id: str, *, only_deleted: bool = False) -> bool:
    """Remove a run for good: its row, metrics, checkpoints, evaluations, diagnoses, jobs and files.

    Args:
        only_deleted: leave one that was brought back at the last moment.

    Returns:
        Whether it was there to be removed.

    Raises:
        UserError: a job works on it.
    """
    with store.writing() as session:
        take_turn(session)
        run = session.get(Run, run_id, with_for_update=True)
        if run is None or (only_deleted and run.deleted_at is None):
            return False
        jobs = session.execute(select(Job.id, Job.kind, Job.status).where(Job.run_id == run_id)).all()
        busy = next((job for job in jobs if job.status not in ENDED), None)
        if busy is not None:
            raise UserError(
                f"A job still works on the run {run.deleted_name or run.name!r} ({busy.kind}, {busy.status}). "
                f"Cancel it first: {busy.id}"
            )
        session.execute(delete(Job).where(Job.run_id == run_id))
        session.execute(delete(Run).where(Run.id == run_id))
    store.artifacts.delete(f"runs/{run_id}")
    for job in jobs:
        store.artifacts.delete(f"jobs/{job.id}.log")
    return True
