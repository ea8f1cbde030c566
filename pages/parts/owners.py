"""Whose something is, and why a button cannot be pressed by who is there. Where nobody signs in, none of it is shown."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import select

from core.people import Person
from core.store.ownership import may_change
from core.store.tables import Job, Run
from pages.parts.store import open_store

EVERYBODYS = "everybody's"


def owners_shown() -> bool:
    """Whether pages say whose things are."""
    return open_store().actor is not None


def owner_words(owner: str | None) -> str:
    """Whose it is, for a caption."""
    return _told(owner, open_store().actor)


def with_owners(frame: pd.DataFrame, owners: Sequence[str | None]) -> pd.DataFrame:
    """A table with a column that says whose each line is; as it was where nobody signs in."""
    actor = open_store().actor
    return frame if actor is None else frame.assign(Owner=[_told(owner, actor) for owner in owners])


def _told(owner: str | None, actor: Person | None) -> str:
    if owner is None:
        return EVERYBODYS
    return "yours" if actor is not None and owner == actor.email else owner


def why_not(*owners: str | None) -> str | None:
    """Why who is there may not change or end what belongs to one of these; None where he may."""
    if may_change(open_store().actor, *owners):
        return None
    return f"It belongs to {owners[0]}. Only its owner or an admin can do that."


def why_not_runs(ids: Sequence[str]) -> str | None:
    """As `why_not`, for some runs together."""
    store = open_store()
    if store.actor is None or store.actor.admin:
        return None
    with store.reading() as session:
        owners = session.scalars(select(Run.owner).where(Run.id.in_(ids))).all()
    foreign = next((why for owner in owners if (why := why_not(owner))), None)
    return foreign if foreign is None or len(ids) == 1 else f"One of them is another's. {foreign}"


def why_not_job(job_id: str) -> str | None:
    """As `why_not`, for a job: the owner of the run that it works on has a say, too."""
    store = open_store()
    if store.actor is None or store.actor.admin:
        return None
    with store.reading() as session:
        found = session.execute(
            select(Job.owner, Run.owner).outerjoin(Run, Run.id == Job.run_id).where(Job.id == job_id)
        ).first()
    return None if found is None else why_not(*found)


def why_not_all() -> str | None:
    """Why who is there may not do what concerns everybody."""
    actor = open_store().actor
    return None if actor is None or actor.admin else "It concerns everybody, so only an admin can do it."
