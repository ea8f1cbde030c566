"""Deleting runs, and bringing them back; removing data sets and jobs, with the files that belong to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select

from core.actions.names import free_name
from core.errors import NotFoundError, NotYoursError, UserError
from core.jobs.housekeeping import remove_run
from core.jobs.queue import request_cancel
from core.jobs.tries import KIND as TRY
from core.jobs.tries import forget
from core.settings import Settings
from core.store import queries
from core.store.clock import moment
from core.store.engine import Store, take_turn
from core.store.owners import allow, allow_job
from core.store.ownership import may_change
from core.store.tables import Checkpoint, Dataset, Job, Run

__all__ = ["Deleted", "delete_dataset", "delete_job", "delete_run", "list_deleted", "remove_run", "restore_run"]


@dataclass(frozen=True)
class Deleted:
    """A deleted run: what it was called, when it was deleted and until when it can be brought back; bytes of weights."""

    id: str
    name: str
    deleted_at: datetime
    until: datetime
    bytes: int
    owner: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        times = {"deleted_at": self.deleted_at.isoformat(), "until": self.until.isoformat()}
        return {"run": self.name, "id": self.id, **times, "bytes": self.bytes}


def delete_run(store: Store, run: Run, *, cancel: bool = False) -> None:
    """Take a run out of every list. It can be brought back (`restore_run`) until it is removed for good; its name is free.

    Args:
        cancel: cancel the jobs that work on it. One that runs saves where it is, stops and is not told of any more.

    Raises:
        UserError: a job works on it and is not to be cancelled, or it is another's; nothing was changed.
    """
    allow(store, run, "delete it")
    busy = queries.list_jobs(store, active=True, run_id=run.id)
    if busy and not cancel:
        raise UserError(
            f"A job still works on the run {run.name!r} ({busy[0].kind}, {busy[0].status}: {busy[0].id}). "
            "Cancel it first, or have it cancelled: python -m core run delete --cancel"
        )
    for job in busy:
        if not job.cancel_requested:
            _cancel(store, job.id)
    with store.writing() as session:
        take_turn(session)  # from here on nothing new is submitted for it
        row = session.get(Run, run.id, with_for_update=True)
        if row is None or row.deleted_at is not None:
            raise NotFoundError(f"There is no run {run.name!r} any more; somebody else has deleted it.")
        began = select(Job.kind).where(
            Job.run_id == run.id, Job.status.not_in(queries.ENDED), Job.cancel_requested_at.is_(None)
        )
        if (kind := session.scalars(began).first()) is not None:
            raise UserError(f"A job has just begun to work on the run {run.name!r} ({kind}). Delete it once more.")
        row.deleted_at = moment(session)
        row.deleted_name, row.name = row.name, f"deleted/{row.id}"  # a slash: no such name can be given


def _cancel(store: Store, job_id: str) -> None:
    try:
        request_cancel(store, job_id)
    except UserError:  # it has just ended, or was waiting for one that was cancelled
        if queries.get_job(store, job_id).status not in queries.ENDED:
            raise


def list_deleted(store: Store, settings: Settings) -> list[Deleted]:
    """Runs that can still be brought back, the last deleted first."""
    statement = (
        select(Run.id, Run.deleted_name, Run.deleted_at, func.coalesce(func.sum(Checkpoint.bytes), 0), Run.owner)
        .outerjoin(Checkpoint, Checkpoint.run_id == Run.id)
        .where(~queries.THERE)
        .group_by(Run.id)
        .order_by(Run.deleted_at.desc(), Run.id)
    )
    with store.reading() as session:
        rows = session.execute(statement).all()
    stay = timedelta(days=settings.deleted_days)
    return [
        Deleted(key, str(name), at, at + stay, int(size), owner)
        for key, name, at, size, owner in rows
        if at is not None
    ]


def find_deleted(store: Store, name: str) -> Run:
    """A deleted run by the name it had, or by its id; of several of one name the last deleted.

    Raises:
        NotFoundError: there is none.
    """
    statement = (
        select(Run).where(~queries.THERE, or_(Run.deleted_name == name, Run.id == name)).order_by(Run.deleted_at.desc())
    )
    with store.reading() as session:
        found = session.scalars(statement).first()
    if found is None:
        raise NotFoundError(
            f"There is no deleted run {name!r}; it may have been removed for good. List what can be brought back with: "
            "python -m core run list --deleted"
        )
    return found


def restore_run(store: Store, run: Run) -> Run:
    """Bring a deleted run back, under its name; where that was given away meanwhile, with a number behind it.

    It leaves a seed group whose name has meanwhile been taken by runs of another data set or method.

    Raises:
        UserError: it was removed for good, or is another's.
    """
    allow(store, run, "bring it back")
    old = run.deleted_name or run.name
    taken = queries.runs_of_group(store, old)
    name = free_name(store, Run, None, old) if not taken else free_name(store, Run, None, f"{old}-2")
    with store.writing() as session:
        take_turn(session)
        row = session.get(Run, run.id, with_for_update=True)
        if row is None:
            raise NotFoundError(f"The run {old!r} has been removed for good.")
        if row.deleted_at is None:
            return row
        row.name, row.deleted_name, row.deleted_at = name, None, None
        others = session.execute(
            select(Run.dataset_id, Run.method).where(Run.group == row.group, Run.id != row.id, queries.THERE)
        ).all()
        if any((one.dataset_id, one.method) != (row.dataset_id, row.method) for one in others):
            row.group = None
        return row


def remove_deleted(store: Store, runs: Sequence[Deleted]) -> int:
    """Remove deleted runs for good, before their time. Returns how many; one that still stops, or is another's, is left."""
    removed = 0
    for one in runs:
        if not may_change(store.actor, one.owner):
            continue
        if not queries.list_jobs(store, active=True, run_id=one.id, limit=1):
            removed += remove_run(store, one.id, only_deleted=True)
    return removed


def delete_dataset(store: Store, dataset: Dataset) -> None:
    """Remove a data set and its file, and with it the deleted runs that were trained on it: there is no undo.

    Raises:
        UserError: runs were trained on it, or it is another's, or another could still bring back a run on it.
    """
    allow(store, dataset, "delete it")
    with store.reading() as session:
        used = session.scalars(select(Run.name).where(Run.dataset_id == dataset.id, queries.THERE).limit(3)).all()
        deleted = session.execute(
            select(Run.id, Run.deleted_name, Run.owner).where(Run.dataset_id == dataset.id, ~queries.THERE)
        ).all()
    if used:
        raise UserError(f"The data set {dataset.name!r} has runs ({', '.join(used)} …). Delete them first.")
    for _, name, owner in deleted:
        if not may_change(store.actor, owner):
            raise NotYoursError(
                f"{owner} can still bring back the deleted run {name!r} on the data set {dataset.name!r}. Once that time "
                "is over, it can be deleted; an admin can do it now."
            )
    for run_id, _, _ in deleted:
        remove_run(store, run_id, only_deleted=True)
    with store.writing() as session:
        take_turn(session)
        if session.scalars(select(Run.id).where(Run.dataset_id == dataset.id).limit(1)).first() is not None:
            raise UserError(f"A run on the data set {dataset.name!r} has just been started. Delete it first.")
        session.execute(delete(Dataset).where(Dataset.id == dataset.id))
    store.artifacts.delete(f"datasets/{dataset.id}")


def delete_job(store: Store, job_id: str) -> None:
    """Remove an ended job and its log; what it made stays, except for the scores of a try, which only it leads to.

    Raises:
        UserError: it has not ended.
    """
    job = queries.get_job(store, job_id)
    if job.status not in queries.ENDED:
        raise UserError(f"The job {job_id} is {job.status}. Cancel it before deleting it.")
    allow_job(store, job, "delete it")
    with store.writing() as session:
        session.execute(delete(Job).where(Job.id == job_id))
    if job.kind == TRY and job.run_id is not None:
        forget(store, job.run_id, job_id)
    store.artifacts.delete(f"jobs/{job_id}.log")
