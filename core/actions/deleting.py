"""Removing runs, data sets and jobs, with the files that belong to them."""

from sqlalchemy import delete, select

from core.errors import UserError
from core.jobs.tries import KIND as TRY
from core.jobs.tries import forget
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Job, Run


def delete_run(store: Store, run: Run) -> None:
    """Remove a run with its metrics, checkpoints, evaluations, diagnoses, jobs and files.

    Raises:
        UserError: a job still works on it.
    """
    busy = queries.list_jobs(store, active=True, run_id=run.id)
    if busy:
        raise UserError(
            f"A job still works on the run {run.name!r} ({busy[0].kind}, {busy[0].status}). Cancel it first: {busy[0].id}"
        )
    jobs = queries.list_jobs(store, run_id=run.id)
    with store.writing() as session:
        session.execute(delete(Job).where(Job.run_id == run.id))
        session.execute(delete(Run).where(Run.id == run.id))
    store.artifacts.delete(f"runs/{run.id}")
    for job in jobs:
        store.artifacts.delete(f"jobs/{job.id}.log")


def delete_dataset(store: Store, dataset: Dataset) -> None:
    """Remove a data set and its file.

    Raises:
        UserError: runs were trained on it.
    """
    with store.writing() as session:
        used = session.scalars(select(Run.name).where(Run.dataset_id == dataset.id).limit(3)).all()
        if used:
            raise UserError(f"The data set {dataset.name!r} has runs ({', '.join(used)} …). Delete them first.")
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
    with store.writing() as session:
        session.execute(delete(Job).where(Job.id == job_id))
    if job.kind == TRY and job.run_id is not None:
        forget(store, job.run_id, job_id)
    store.artifacts.delete(f"jobs/{job_id}.log")
