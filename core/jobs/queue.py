"""The jobs table as a queue: submit, claim, report, finish, cancel, retry.

A claimed job carries a token that only its present holder knows. Every later write names the token, so a job that has
been taken over or cancelled meanwhile learns of it at its next report instead of writing over its successor. The run
that a training job makes shares its job's status, set in the same transaction.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.orm import Session, aliased

from core.errors import UserError
from core.people import Person
from core.store.clock import moment
from core.store.engine import Store, take_turn
from core.store.owners import allow_all, allow_job
from core.store.ownership import ACTOR
from core.store.queries import ENDED, get_job
from core.store.tables import Job, Pause, Run, Worker

LEASE = timedelta(seconds=60)
SETTLED = timedelta(seconds=3)
"""A job that has waited for so long has found no free device."""


class LeaseLostError(Exception):
    """The job is no longer this process's: somebody ended it or took it over. Stop without writing anything."""


def submit(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    *,
    run_id: str | None = None,
    after: Job | None = None,
    priority: int = 0,
    max_queue: int,
) -> Job:
    """Put a job into the queue, within the caller's transaction, so that what it works on appears with it or not at all.

    Args:
        after: a job that must be done first; if it fails or is cancelled, so is this one.

    Raises:
        UserError: the queue is full, or the run was deleted meanwhile; or who submits has too much waiting.
    """
    take_turn(session)
    _check_there(session, run_id)
    _check_share(session)
    waiting = session.scalars(select(Job.id).where(Job.status == "queued").limit(max_queue)).all()
    if len(waiting) >= max_queue:
        raise UserError(f"The queue is full ({max_queue} jobs wait). Cancel some, or raise UNCONFOUND_MAX_QUEUE.")
    job = Job(kind=kind, payload=payload, run_id=run_id, after_id=after.id if after else None, priority=priority)
    job.created_at = moment(session)  # the queue's order
    session.add(job)
    session.flush()
    return job


def _ready() -> Select[Job]:
    """The waiting jobs that may start, in their order."""
    before = aliased(Job)
    return (
        select(Job)
        .outerjoin(before, before.id == Job.after_id)
        .where(Job.status == "queued", or_(Job.after_id.is_(None), before.id.is_(None), before.status == "done"))
        .order_by(Job.priority.desc(), Job.created_at)
    )


def claim(store: Store, worker_id: str, device: str, token: str | None = None) -> Job | None:
    """Take the next job that may start: highest priority first, then oldest. Nothing to do, or a pause, gives None.

    token: of the lease, where the process that is to carry it out has one already; it must never have been one before.
    """
    with store.writing() as session:
        if session.scalars(select(Pause.id)).first() is not None:
            return None
        statement = _ready().limit(1)
        if store.engine.dialect.name == "postgresql":
            statement = statement.with_for_update(skip_locked=True, of=Job)
        job = session.scalars(statement).first()
        if job is None:
            return None
        now = moment(session)
        job.status = "running"
        job.attempts += 1
        job.worker_id = worker_id
        job.device = device
        job.lease_token = token or new_token()
        job.lease_expires_at = now + LEASE
        job.started_at = now
        job.progress = 0.0
        job.progress_at = now
        job.message = "starting"
        job.finished_at = job.cancel_requested_at = job.error = job.exit_code = job.result = None
        job.pid = job.pid_started = None
        _mirror(session, job)
        return job


def new_token() -> str:
    """A token for a lease: nobody has had it, and nobody guesses it."""
    return uuid4().hex


def is_waiting(store: Store) -> bool:
    """Whether any job is queued; cheap, and without the lock that `claim` takes."""
    with store.reading() as session:
        return session.scalars(select(Job.id).where(Job.status == "queued").limit(1)).first() is not None


def pause(store: Store, *, who: str | None = None, why: str | None = None) -> None:
    """Start no more jobs until `resume`; what runs goes on.

    Args:
        who, why: kept for whoever wonders later. Pausing once more changes neither, nor since when.

    Raises:
        NotYoursError: somebody asks who is no admin.
    """
    allow_all(store, "pause the queue")
    with store.writing() as session:
        take_turn(session)
        if session.get(Pause, 1) is None:
            session.add(
                Pause(id=1, since=moment(session), who=(who or "")[:120] or None, why=(why or "")[:500] or None)
            )


def resume(store: Store) -> None:
    """Start jobs again.

    Raises:
        NotYoursError: somebody asks who is no admin.
    """
    allow_all(store, "let the queue go on")
    with store.writing() as session:
        session.execute(delete(Pause))


def paused_since(store: Store) -> datetime | None:
    """Since when no job is started, or None."""
    there = paused(store)
    return None if there is None else there.since


def paused(store: Store) -> Pause | None:
    """The pause of the queue: since when, by whom and why as far as that was told; None where jobs are started."""
    with store.reading() as session:
        return session.scalars(select(Pause)).first()


def set_priority(store: Store, job_id: str, priority: int) -> None:
    """Move a waiting job: higher numbers start first.

    Raises:
        UserError: there is no such job, or it does not wait; or somebody asks who is no admin, since that is at others' cost.
    """
    allow_all(store, "move jobs in the queue")
    get_job(store, job_id)
    with store.writing() as session:
        job = session.get_one(Job, job_id, with_for_update=True)
        if job.status != "queued":
            raise UserError(f"The job {job_id} is {job.status}; only a waiting job can be moved.")
        job.priority = priority


def hung(store: Store, minutes: float) -> dict[str, float]:
    """Running jobs that have reported no progress for so many minutes: id → minutes of silence."""
    with store.reading() as session:
        now = moment(session)
        rows = session.execute(
            select(Job.id, Job.progress_at).where(
                Job.status == "running", Job.progress_at < now - timedelta(minutes=minutes)
            )
        ).all()
    return {job_id: (now - at).total_seconds() / 60 for job_id, at in rows if at is not None}


def explain_wait(store: Store, message: str) -> None:
    """Say at every waiting job why none is started."""
    with store.reading() as session:
        untold = session.scalars(select(Job.id).where(Job.status == "queued", Job.message != message).limit(1)).first()
    if untold is not None:
        with store.writing() as session:
            session.execute(update(Job).where(Job.status == "queued").values(message=message))


def started(store: Store, job_id: str, token: str, pid: int, pid_started: float | None) -> None:
    """Note the process that runs the job."""
    with store.writing() as session:
        _write(session, job_id, token, {"pid": pid, "pid_started": pid_started})


def renew(store: Store, job_id: str, token: str) -> None:
    """Say that the job is still looked after."""
    with store.writing() as session:
        _write(session, job_id, token, {"lease_expires_at": moment(session) + LEASE})


def report(session: Session, job_id: str, token: str, progress: float, message: str) -> bool:
    """Write progress (0 to 1) and a line of text. Returns whether somebody has asked the job to stop.

    Raises:
        LeaseLostError: the token is no longer the job's.
    """
    changed = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.lease_token == token, Job.status == "running")
        .values(progress=progress, message=message, progress_at=moment(session))
        .returning(Job.cancel_requested_at)
    ).first()
    if changed is None:
        raise LeaseLostError(job_id)
    return changed[0] is not None


def finish(
    store: Store,
    job_id: str,
    token: str,
    status: str,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
    exit_code: int | None = None,
) -> bool:
    """End a running job as done, failed or cancelled. Returns False when it was not this holder's to end."""
    with store.writing() as session:
        job = _held(session, job_id, token)
        if job is None:
            return False
        _end(session, job, status, error)
        job.result = result
        job.exit_code = exit_code
        if status == "done":
            job.progress = 1.0
            job.message = "done"
        return True


def give_back(store: Store, job_id: str, token: str, reason: str, *, counts: bool = True) -> None:
    """Put a job whose process has ended too early back into the queue, unless that happened too often.

    Args:
        reason: why, to follow "because".
        counts: whether it counts towards `max_attempts`; not where the worker itself was told to stop.
    """
    with store.writing() as session:
        job = _held(session, job_id, token)
        if job is not None:
            _requeue(session, job, reason, counts=counts)


def make_room(store: Store, job_id: str, token: str) -> bool:
    """Put a running job back behind those that wait for its device, one step of priority lower; where none waits it stays.

    For a job between two parts of its work that finds the first of them done when it starts again. Returns whether it
    is back in the queue; it is then no longer its holder's.
    """
    with store.writing() as session:
        job = _held(session, job_id, token)
        if job is None or session.scalars(select(Pause.id)).first() is not None:
            return False
        waited = Job.created_at < moment(session) - SETTLED
        if session.scalars(_ready().where(Job.priority >= job.priority, waited).limit(1)).first() is None:
            return False
        _requeue(session, job, "jobs that people wait for go first", counts=False)
        job.priority -= 1
        return True


def take_back(store: Store, job_id: str, token: str) -> None:
    """As `give_back`, for a job whose worker is out of reach: only where its lease has run out and nobody renews it just now."""
    with store.writing() as session:
        job = _held(session, job_id, token)
        if job is not None and job.lease_expires_at is not None and job.lease_expires_at < moment(session):
            _requeue(session, job, "its worker has not been heard of", counts=True)


def interrupted(session: Session, reason: str) -> int:
    """Put every running job back into the queue, in a store of which surely no process works any more (a restored one).

    Returns:
        How many there were.
    """
    running = session.scalars(select(Job).where(Job.status == "running")).all()
    for job in running:
        _requeue(session, job, reason, counts=False)
    return len(running)


def request_cancel(store: Store, job_id: str) -> str:
    """Cancel a waiting job at once, or ask a running one to stop. Returns its status afterwards.

    Raises:
        UserError: there is no such job, or it has ended already.
    """
    allow_job(store, get_job(store, job_id), "cancel it")
    with store.writing() as session:
        job = session.get_one(Job, job_id, with_for_update=True)
        if job.status in ENDED:
            raise UserError(f"The job {job_id} has already ended ({job.status}); there is nothing to cancel.")
        if job.status == "queued":
            _end(session, job, "cancelled", None)
        else:
            job.cancel_requested_at = job.cancel_requested_at or moment(session)
        return job.status


def retry(store: Store, job_id: str) -> None:
    """Put a failed or cancelled job back into the queue. A training goes on from its last checkpoint.

    Raises:
        UserError: there is no such job, it has not failed, or its run was deleted.
    """
    allow_job(store, get_job(store, job_id), "try it again")
    with store.writing() as session:
        take_turn(session)
        job = session.get_one(Job, job_id, with_for_update=True)
        _check_there(session, job.run_id)
        _check_share(session)
        if job.status not in ("failed", "cancelled"):
            raise UserError(f"The job {job_id} is {job.status}; only a failed or cancelled job can be tried again.")
        job.status = "queued"
        job.message = ""
        job.error = job.finished_at = job.cancel_requested_at = job.exit_code = None
        job.progress = 0.0
        job.attempts = 0
        if job.after_id is not None and session.get_one(Job, job.after_id).status in ("failed", "cancelled"):
            job.after_id = None
        _mirror(session, job)


def under_way(store: Store) -> list[tuple[Job, Worker | None]]:
    """Every job that is marked as running, with the worker that claimed it."""
    statement = select(Job, Worker).outerjoin(Worker, Worker.id == Job.worker_id).where(Job.status == "running")
    with store.reading() as session:
        return [(job, worker) for job, worker in session.execute(statement)]


def adopt(store: Store, job: Job, worker_id: str) -> bool:
    """Look after a running job in the place of a worker that is gone. False where another one was first, or it ended."""
    with store.writing() as session:
        changed = session.execute(
            update(Job)
            .where(Job.id == job.id, Job.lease_token == job.lease_token, Job.worker_id == job.worker_id)
            .values(worker_id=worker_id, lease_expires_at=moment(session) + LEASE)
            .returning(Job.id)
        ).first()
    return changed is not None


def _check_share(session: Session) -> None:
    """Nobody who has signed in fills the queue alone."""
    actor: Person | None = session.info.get(ACTOR)
    if actor is None:
        return
    mine = select(Job.id).where(Job.status == "queued", Job.owner == actor.email).limit(actor.may_queue)
    if len(session.scalars(mine).all()) >= actor.may_queue:
        raise UserError(
            f"{actor.may_queue} jobs of yours wait, the most that one person may have waiting. Cancel some, or wait until "
            "some have begun."
        )


def _check_there(session: Session, run_id: str | None) -> None:
    deleted = None if run_id is None else session.scalars(select(Run.deleted_name).where(Run.id == run_id)).first()
    if deleted is not None:
        raise UserError(
            f"The run {deleted!r} has been deleted, so nothing can work on it. Bring it back first: "
            f"python -m core run restore {run_id}"
        )


def _held(session: Session, job_id: str, token: str) -> Job | None:
    """The job, kept from every other writer until the transaction ends; None where it is not this token's any more."""
    job = session.get(Job, job_id, with_for_update=True)
    return job if job is not None and job.lease_token == token and job.status == "running" else None


def _requeue(session: Session, job: Job, reason: str, *, counts: bool) -> None:
    if job.cancel_requested_at is not None:
        _end(session, job, "cancelled", None)
    elif counts and job.attempts >= job.max_attempts:
        _end(
            session,
            job,
            "failed",
            f"It was interrupted {job.attempts} times, the last time because {reason}. Its log may tell why.",
        )
    else:
        job.status = "queued"
        job.message = f"waiting to go on: {reason}"
        job.attempts -= 0 if counts else 1
        job.pid = job.pid_started = job.lease_token = job.lease_expires_at = None
        _mirror(session, job)


def _write(session: Session, job_id: str, token: str, values: dict[str, Any]) -> None:
    changed = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.lease_token == token, Job.status == "running")
        .values(**values)
        .returning(Job.id)
    ).first()
    if changed is None:
        raise LeaseLostError(job_id)


def _end(session: Session, job: Job, status: str, error: str | None) -> None:
    job.status = status
    job.error = error
    job.finished_at = moment(session)
    job.pid = job.pid_started = job.lease_token = job.lease_expires_at = None
    _mirror(session, job)
    if status == "done":
        return
    dependent = select(Job).where(Job.after_id == job.id, Job.status == "queued").with_for_update()
    for waiting in session.scalars(dependent).all():
        waiting.message = (
            f"not started: the job before it was {status}"
            if status == "cancelled"
            else "not started: the job before it failed"
        )
        _end(session, waiting, "cancelled", None)


def _mirror(session: Session, job: Job) -> None:
    if job.kind != "train" or job.run_id is None:
        return
    run = session.get(Run, job.run_id)
    if run is None:
        return
    run.status = job.status
    run.error = job.error
    if job.status == "running":
        run.started_at = job.started_at
    run.finished_at = job.finished_at
