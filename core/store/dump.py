"""Rows as lines of JSON and back, the same for SQLite and PostgreSQL.

Tables are taken as they are in the database (reflected), not as the code declares them, so a dump can be made of a database
that has not been migrated yet, and loaded into one of its own age that is migrated afterwards. PostgreSQL's `pg_dump` is not
used: what it writes only fits PostgreSQL, of that version or newer.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import IO, Any

from sqlalchemy import JSON, Connection, DateTime, MetaData, Table, bindparam, func, select, text, update

from core.store.archive import BackupError
from core.store.tables import Base

_TOGETHER = 500

Row = dict[str, Any]


def tables_of(connection: Connection) -> list[Table]:
    """The store's own tables that are there, those that others refer to first."""
    ours = set(Base.metadata.tables)
    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _: name in ours)
    return metadata.sorted_tables


def write_rows(connection: Connection, table: Table, out: IO[bytes], changed: Callable[[Row], Row]) -> int:
    """Every row of a table as a line; each as `changed` leaves it. Returns how many there were."""
    found = connection.execution_options(yield_per=_TOGETHER).execute(select(table).order_by(*table.primary_key))
    number = 0
    for row in found.mappings():
        plain = changed({key: _plain(value) for key, value in row.items()})
        out.write(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        number += 1
    return number


def read_rows(lines: Iterable[bytes], name: str) -> Iterator[Row]:
    """The rows of a table's lines.

    Raises:
        BackupError: a line is no row.
    """
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise BackupError(f"Line {number:,} of the table {name} in the backup is no row. Use another backup.")
        yield row


def load_rows(connection: Connection, table: Table, rows: Iterable[Row]) -> int:
    """Put rows into an empty table. Returns how many.

    Rows that refer to others of the same table get these references at the end, when all are there.

    Raises:
        BackupError: a row has other columns than the table.
    """
    own = [one.parent.name for one in table.foreign_keys if one.column.table is table]
    key = next(iter(table.primary_key))
    names, references, number = {column.name for column in table.columns}, [], 0
    for column in table.columns:
        if isinstance(column.type, JSON):
            column.type = JSON(none_as_null=bool(column.nullable))
    waiting = iter(rows)
    while some := list(islice(waiting, _TOGETHER)):
        values = []
        for row in some:
            if set(row) != names:
                raise BackupError(f"A row of the table {table.name} in the backup has other columns than the table.")
            refers = {name: row[name] for name in own if row[name] is not None}
            if refers:
                references.append({"the_key": row[key.name], **{name: row[name] for name in own}})
            values.append({name: _revived(table, name, row[name]) for name in names} | dict.fromkeys(own))
        connection.execute(table.insert(), values)
        number += len(values)
    if references:
        change = update(table).where(key == bindparam("the_key")).values({name: bindparam(name) for name in own})
        connection.execute(change, references)
    if connection.dialect.name == "postgresql" and number and key.type.python_type is int:
        # Numbers that the database gives itself go on after those that came with the rows.
        highest = connection.scalar(select(func.max(key)))
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, key.name)))
        if sequence is not None:
            connection.execute(text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest})
    return number


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=value.tzinfo or UTC)).astimezone(UTC).isoformat()
    return value


def _revived(table: Table, name: str, value: Any) -> Any:
    if value is None or not isinstance(table.columns[name].type, DateTime):
        return value
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError):
        raise BackupError(f"{str(value)[:60]!r} in the table {table.name} of the backup is no time.") from None
