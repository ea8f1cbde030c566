"""Whose row it is, and who may change it: the net below every action.

Data sets, runs and jobs have an owner, or none, and then they are everybody's. A store that acts for a person
(`Store.acting_as`) writes his address on what he adds, and refuses, whichever function asked, to change or delete what
belongs to another one: a row of his, what hangs on a run of his, the queue's pause. On a job also the owner of the run
that it works on has a say, since nobody could delete a run otherwise that others are diagnosing. An admin may change
everything. A store that acts for nobody is the operator's: the command line, the worker, the API with its token.

The rows are asked, not the objects in memory: these could be told anything.
"""

from typing import Any

from sqlalchemy import ColumnElement, Delete, Update, and_, event, exists, false, inspect, not_, select, true
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction
from sqlalchemy.orm.attributes import get_history

from core.errors import NotYoursError
from core.people import Person
from core.store.tables import Dataset, Dismissal, Job, Run

ACTOR = "actor"
OWNED = (Dataset, Run, Job)
_WHAT = {Dataset: "data set", Run: "run", Job: "job"}


def may_change(actor: Person | None, *owners: str | None) -> bool:
    """Whether somebody may change or end what belongs to one of these (None first: it is everybody's)."""
    return actor is None or actor.admin or owners[0] is None or actor.email in owners


def refusal(what: str, owner: str | None, deed: str) -> str:
    """The sentence for somebody who may not."""
    return f"{what} belongs to {owner or 'somebody else'}. Only its owner or an admin can {deed}."


class OwnedSession(Session):
    """A session that looks at every change where it acts for somebody (`info["actor"]`)."""

    # These go past what is listened to below.
    def bulk_save_objects(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("use add_all, which is looked at")

    def bulk_insert_mappings(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("use add_all, which is looked at")

    def bulk_update_mappings(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("use update(), which is looked at")


@event.listens_for(OwnedSession, "before_flush")
def _look_at_objects(session: Session, _context: UOWTransaction, _instances: object) -> None:
    actor: Person | None = session.info.get(ACTOR)
    if actor is None:
        return
    for row in session.new:
        if isinstance(row, Dataset | Run | Job):
            row.owner = None if isinstance(row, Dataset) and row.sample is not None else actor.email
    if actor.admin:
        return
    for row in session.new:
        _look_at_new(session, actor, row)
    for row in (*session.dirty, *session.deleted):
        if row in session.deleted or session.is_modified(row):
            if isinstance(row, Dataset | Run | Job) and get_history(row, "owner").has_changes():
                raise NotYoursError("Whose it is can only be changed by an admin.")
            key = inspect(type(row)).primary_key
            there = inspect(row).identity or ()
            _refuse(
                session, actor, type(row), and_(*(column == value for column, value in zip(key, there, strict=True)))
            )


def _look_at_new(session: Session, actor: Person, row: object) -> None:
    """Work on another's run is use of it, and welcome, except for what changes the run itself."""
    if isinstance(row, Dataset | Run | Dismissal) or (
        isinstance(row, Job) and (row.kind != "train" or row.run_id is None)
    ):
        return
    run_id = getattr(row, "run_id", None)
    if run_id is None:
        raise NotYoursError("Only an admin can do that, since it concerns everybody.")
    with session.no_autoflush:
        _refuse(session, actor, Run, Run.id == run_id)


@event.listens_for(OwnedSession, "do_orm_execute")
def _look_at_statements(state: ORMExecuteState) -> None:
    actor: Person | None = state.session.info.get(ACTOR)
    statement = state.statement
    if actor is None or actor.admin or state.is_select:
        return
    mapper = state.bind_mapper
    if mapper is None or not isinstance(statement, Update | Delete) or state.parameters:
        raise NotYoursError("Such a change can only be made for the server itself.")
    if isinstance(statement, Update) and "owner" in _changed(statement):
        raise NotYoursError("Whose it is can only be changed by an admin.")
    where = statement.whereclause
    _refuse(state.session, actor, mapper.class_, true() if where is None else where)


def _changed(statement: Update) -> set[str]:
    """The columns that an update writes."""
    return {str(getattr(column, "key", column)) for column in statement._values or ()}


def _refuse(session: Session, actor: Person, kind: type[Any], where: ColumnElement[bool]) -> None:
    """Raise where any of these rows is another's."""
    key = inspect(kind).primary_key[0]
    owner = kind.owner if kind in OWNED else key
    with session.no_autoflush:
        found = session.execute(select(key, owner).where(where, _foreign(kind, actor)).limit(1)).first()
    if found is None:
        return
    if kind not in OWNED:
        raise NotYoursError("Only an admin can do that, since it concerns what belongs to others.")
    raise NotYoursError(refusal(f"The {_WHAT[kind]} {found[0]}", found[1], "change or end it"))


def _foreign(kind: type[Any], actor: Person) -> ColumnElement[bool]:
    """Whether a row is another's."""
    if kind is Dismissal:
        return false()
    if kind is Job:
        own_run = exists().where(Run.id == Job.run_id, Run.owner == actor.email)
        return and_(Job.owner.is_not(None), Job.owner != actor.email, not_(own_run))
    if kind in OWNED:
        return and_(kind.owner.is_not(None), kind.owner != actor.email)
    if hasattr(kind, "run_id"):
        of_others: ColumnElement[bool] = kind.run_id.in_(
            select(Run.id).where(Run.owner.is_not(None), Run.owner != actor.email)
        )
        return of_others
    return true()
