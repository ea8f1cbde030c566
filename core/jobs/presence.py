"""A worker's own row: that it is there, on which machine, and when it was last heard of."""

import os

from sqlalchemy import select, update

from core.jobs import processes
from core.jobs.version import code_version
from core.store.clock import moment
from core.store.engine import Store
from core.store.tables import Worker


def register(store: Store, host: str, device: str) -> str:
    """Say that this process works here; those of the same host that are gone are marked so. Returns the worker's id."""
    worker = Worker(
        host=host,
        pid=os.getpid(),
        pid_started=processes.began(os.getpid()),
        device=device,
        code_version=code_version(),
    )
    with store.writing() as session:
        for other in session.scalars(select(Worker).where(Worker.stopped_at.is_(None), Worker.host == host)):
            if not lives(other):
                other.stopped_at = moment(session)
        worker.started_at = worker.heartbeat_at = moment(session)
        session.add(worker)
        session.flush()
        return worker.id


def beat(store: Store, worker_id: str) -> None:
    """Renew the sign of life."""
    with store.writing() as session:
        session.execute(update(Worker).where(Worker.id == worker_id).values(heartbeat_at=moment(session)))


def unregister(store: Store, worker_id: str) -> None:
    """Say that the worker has left."""
    with store.writing() as session:
        session.execute(update(Worker).where(Worker.id == worker_id).values(stopped_at=moment(session)))


def lives(worker: Worker) -> bool:
    """Whether the process of a worker of this machine still runs."""
    return processes.is_alive(worker.pid, worker.pid_started)
