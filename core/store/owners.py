"""What an action asks before it changes something: may who acts do that? A sentence where not.

The store refuses it in any case (`core/store/ownership.py`); this says it with the row's name, before anything is done.
"""

from core.errors import NotYoursError
from core.store.engine import Store
from core.store.ownership import may_change, refusal
from core.store.tables import Dataset, Job, Run


def allow(store: Store, row: Dataset | Run, deed: str) -> None:
    """Whether who acts may change a data set or a run.

    Args:
        deed: what is to be done, after "can".

    Raises:
        NotYoursError: it is another's.
    """
    if not may_change(store.actor, row.owner):
        what = "data set" if isinstance(row, Dataset) else "run"
        name = row.name if isinstance(row, Dataset) else row.deleted_name or row.name
        raise NotYoursError(refusal(f"The {what} {name!r}", row.owner, deed))


def allow_job(store: Store, job: Job, deed: str) -> None:
    """Whether who acts may end or repeat a job: its owner, and the owner of the run that it works on.

    Raises:
        NotYoursError: it is another's.
    """
    if may_change(store.actor, job.owner):
        return
    with store.reading() as session:
        run = None if job.run_id is None else session.get(Run, job.run_id)
    if not may_change(store.actor, job.owner, None if run is None else run.owner):
        raise NotYoursError(refusal(f"The job {job.id}", job.owner, deed))


def allow_all(store: Store, deed: str) -> None:
    """Whether who acts may do what concerns everybody.

    Raises:
        NotYoursError: he is no admin.
    """
    if store.actor is not None and not store.actor.admin:
        raise NotYoursError(f"Only an admin can {deed}, since it concerns everybody.")
