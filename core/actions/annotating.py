"""What people write on runs: another name, and a note in Markdown."""

from core.actions.names import checked_name, free_name
from core.errors import NotFoundError, UserError
from core.store import queries
from core.store.engine import Store, take_turn
from core.store.owners import allow
from core.store.tables import Run

LONGEST_NOTE = 5000


def rename_run(store: Store, run: Run, name: str) -> Run:
    """Give a run another name. Links by its id go on to work, links by its old name do not.

    Raises:
        UserError: the name is taken by a run or a seed group, or not usable; nothing was changed.
    """
    name = checked_name(name, "run")
    if name == run.name:
        return run
    if queries.runs_of_group(store, name):
        raise UserError(f"There is a seed group named {name!r}, so no run can have that name. Choose another.")
    return _change(store, run, name=free_name(store, Run, name, name))


def set_note(store: Store, run: Run, text: str) -> Run:
    """Keep a note on a run in place of the one it has; an empty text takes it away.

    Raises:
        UserError: it is too long, or has characters that the database does not take; the old note stays.
    """
    text = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip("\n")
    if len(text) > LONGEST_NOTE:
        raise UserError(f"The note has {len(text):,} characters; {LONGEST_NOTE:,} are the most. Shorten it.")
    text = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return _change(store, run, note=text)


def _change(store: Store, run: Run, **values: str) -> Run:
    allow(store, run, "rename it or write its note")
    with store.writing() as session:
        take_turn(session)
        row = session.get(Run, run.id, with_for_update=True)
        if row is None or row.deleted_at is not None:
            raise NotFoundError(f"There is no run {run.name!r} any more; somebody has deleted it.")
        for column, value in values.items():
            setattr(row, column, value)
        return row
