"""When the database cannot be read or written for reasons outside the program: what to say, and that waiting may help."""

import sqlite3

from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from core.errors import UserError


class StoreTroubleError(UserError):
    """The store cannot be used at the moment: locked, full, read-only, damaged or not answering.

    Nothing of the transaction was written, unless the connection broke just as it was committed. Whoever can wait tries
    again, with writes that may be repeated; to everybody else it is a sentence.
    """


_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_CLOSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_SILENT = "The database {place} does not answer ({cause}). Check that it runs."
_POSTGRESQL = (
    (
        ("53300",),
        "The server of {place} has no connection left ({cause}). Raise its max_connections, or end programs that hold some.",
    ),
    (
        ("53100",),
        "The disk of the server of {place} is full ({cause}). Free some space; nothing that is stored was lost.",
    ),
    (
        ("25006",),
        "The database {place} takes no writes at the moment ({cause}). Make it writable, or name its primary server.",
    ),
    (
        ("28", "3D"),
        "The database {place} lets nobody in by this URL ({cause}). Check the user, the password and the database's name in UNCONFOUND_DATABASE_URL.",
    ),
    (
        ("42501", "3F"),
        "The user of {place} may not do what is needed ({cause}). Make it the database's owner, or grant it CREATE on the schema.",
    ),
    (
        ("40001", "40P01", "55P03"),
        "Another program changed the same rows of {place} at the same moment ({cause}). Nothing was written; try again.",
    ),
    (("58", "XX001", "XX002"), "The server of {place} cannot read or write its files ({cause}). Check its disk."),
    (("08", "53", "57P"), _SILENT),
)
"""Beginnings of SQLSTATE codes (appendix A of PostgreSQL's manual) and what to say; the first that fits counts."""

_REFUSALS = {
    "too many clients": "53300",
    "too many connections": "53300",
    "connection slots": "53300",
    "authentication failed": "28P01",
    "no password supplied": "28P01",
    "pg_hba.conf": "28000",
    "does not exist": "3D000",
}
"""Who is not let in gets only the server's sentence from the driver, not the code."""


def trouble_of(error: DBAPIError, place: str) -> StoreTroubleError | None:
    """The error as a sentence, or None where it is a fault of a statement rather than of the database's surroundings."""
    cause = error.orig
    sentence = _of_sqlite(cause, error) if isinstance(cause, sqlite3.Error) else _of_postgresql(cause, error)
    if sentence is None:
        return None
    first = (str(cause).splitlines() or ["no reason given"])[0].removeprefix("connection failed: ")
    return StoreTroubleError(sentence.format(place=place, cause=first))


def _of_sqlite(cause: sqlite3.Error, error: DBAPIError) -> str | None:
    primary = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if primary in _LOCKED:
        return "The database {place} is locked by another program. Close what holds it, or wait."
    if primary == sqlite3.SQLITE_FULL:
        return "The disk that holds {place} is full. Free some space; nothing that is stored was lost."
    if primary in _CLOSED:
        return "The database {place} cannot be opened ({cause}). Check that its folder exists and may be written."
    if primary == sqlite3.SQLITE_IOERR:
        return "The disk that holds {place} cannot be read or written ({cause}). Check its space and health."
    if primary in _DAMAGED and isinstance(error, DatabaseError):
        return "{place} is not a readable database ({cause}). Move it away, or restore it from a backup."
    return None


def _of_postgresql(cause: BaseException | None, error: DBAPIError) -> str | None:
    code = getattr(cause, "sqlstate", None)
    refused = code is None and isinstance(error, OperationalError)
    if refused:
        code = next((code for words, code in _REFUSALS.items() if words in str(cause)), None)
    if code is not None:
        for beginnings, sentence in _POSTGRESQL:
            if code.startswith(beginnings):
                return sentence
    return _SILENT if refused or error.connection_invalidated else None
