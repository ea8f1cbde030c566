"""When the database cannot be read or written for reasons outside the program: what to say, and that waiting may help."""

import sqlite3

from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from core.errors import UserError


class StoreTroubleError(UserError):
    """The store cannot be used at the moment: locked, full, read-only, damaged or not answering.

    Nothing of the transaction was written. Whoever can wait tries again; to everybody else it is a sentence.
    """


_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_CLOSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
_READ_ONLY, _FULL = "25006", "53"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def trouble_of(error: DBAPIError, place: str) -> StoreTroubleError | None:
    """The error as a sentence, or None where it is a fault of a statement rather than of the database's surroundings."""
    cause = error.orig
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return _server_trouble(error, place)
    primary = code & 0xFF
    if primary in _LOCKED:
        return StoreTroubleError(f"The database {place} is locked by another program. Close what holds it, or wait.")
    if primary == sqlite3.SQLITE_FULL:
        return StoreTroubleError(
            f"The disk that holds {place} is full. Free some space; nothing that is stored was lost."
        )
    if primary in _CLOSED:
        return StoreTroubleError(
            f"The database {place} cannot be opened ({cause}). Check that its folder exists and may be written."
        )
    if primary == sqlite3.SQLITE_IOERR:
        return StoreTroubleError(
            f"The disk that holds {place} cannot be read or written ({cause}). Check its space and health."
        )
    if primary in _DAMAGED and isinstance(error, DatabaseError):
        return StoreTroubleError(
            f"{place} is not a readable database ({cause}). Move it away, or restore it from a backup."
        )
    return None


def _server_trouble(error: DBAPIError, place: str) -> StoreTroubleError | None:
    """The same of a PostgreSQL server, told by the standard's five-digit states."""
    cause = error.orig
    state = getattr(cause, "sqlstate", None) or ""
    said = " ".join(str(cause).split())
    if state == _READ_ONLY:
        return StoreTroubleError(f"The database {place} may only be read at the moment. Check its server.")
    if state.startswith(_FULL):
        return StoreTroubleError(
            f"The server of the database {place} is out of room ({said}). Nothing stored was lost."
        )
    if error.connection_invalidated or (isinstance(error, OperationalError) and not isinstance(cause, sqlite3.Error)):
        return StoreTroubleError(f"The database {place} does not answer ({said}). Check that it runs.")
    return None
