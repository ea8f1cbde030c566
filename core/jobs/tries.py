"""What a try of a text leaves behind, and how many are kept. No torch here: pages read it."""

from sqlalchemy import delete, select

from core.store.engine import Store
from core.store.queries import ENDED
from core.store.tables import Job

KIND = "try"

KEPT = 20
"""Tries of one run that are kept; the oldest go when a new one is asked for."""

SAMPLED = 400
"""Training examples that are scored unless all are asked for: equally many of every cell."""


def artifact_of(run_id: str, job_id: str) -> str:
    """Where the scores of a try are kept: `scores` [n], and the training `rows` [n] that they belong to."""
    return f"runs/{run_id}/tries/{job_id}.npz"


def drop_old(store: Store, run_id: str) -> None:
    """Delete a run's oldest ended tries, with their scores and logs, so that with one more there are `KEPT`."""
    mine = select(Job.id).where(Job.run_id == run_id, Job.kind == KIND, Job.status.in_(ENDED))
    with store.acting_as(None).writing() as session:  # whoever asked for them: the house keeps no more
        old = session.scalars(mine.order_by(Job.created_at.desc(), Job.id).offset(KEPT - 1)).all()
        session.execute(delete(Job).where(Job.id.in_(old)))
    for job_id in old:
        forget(store, run_id, job_id)


def forget(store: Store, run_id: str, job_id: str) -> None:
    """Remove the files of a try whose row is gone."""
    store.artifacts.delete(artifact_of(run_id, job_id))
    store.artifacts.delete(f"jobs/{job_id}.log")
