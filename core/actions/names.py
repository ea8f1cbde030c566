"""Names that people give: usable in a list, a link and a command line, and not taken."""

import re
from pathlib import PurePath

from sqlalchemy import or_, select

from core.errors import UserError
from core.store.engine import Store
from core.store.tables import Dataset, Run

LONGEST = 120
_ALLOWED = re.compile(r"[\w][\w .,:+@()-]*")


def checked_name(name: str, what: str) -> str:
    """A name as it will be kept.

    Raises:
        UserError: it is empty, too long or has characters that do not belong in a name.
    """
    name = name.strip()
    if not name:
        raise UserError(f"The {what} needs a name.")
    if len(name) > LONGEST:
        raise UserError(f"The name of the {what} has {len(name)} characters; {LONGEST} are the most.")
    if not _ALLOWED.fullmatch(name):
        raise UserError(
            f"The name {name!r} is not usable for a {what}: use letters, digits, spaces and . , : + @ ( ) - _, beginning with a letter or digit."
        )
    return name


def free_name(store: Store, table: type[Dataset] | type[Run], name: str | None, proposal: str) -> str:
    """The wished name if it is free, or the proposal with the first free number.

    Raises:
        UserError: the wished name is taken or not usable.
    """
    what = "run" if table is Run else "data set"
    if name is not None:
        name = checked_name(name, what)
        with store.reading() as session:
            taken = session.scalars(select(table.id).where(or_(table.name == name, table.id == name))).first()
        if taken is not None:
            raise UserError(f"There is already a {what} named {name!r}. Choose another name, or delete that one first.")
        return name
    proposal = proposal[: LONGEST - 5]
    with store.reading() as session:
        there = set(session.scalars(select(table.name).where(table.name.startswith(proposal, autoescape=True))))
    if proposal not in there:
        return proposal
    return next(candidate for number in range(2, len(there) + 3) if (candidate := f"{proposal}-{number}") not in there)


def name_from_file(filename: str) -> str:
    """A proposal for a data set's name from a file's name; folders and odd characters are left out."""
    stem = PurePath(filename.replace("\\", "/")).stem
    kept = re.sub(r"[^\w .,:+@()-]+", "-", stem).strip(" .,:+@()-_")
    return kept[:LONGEST] or "data"
