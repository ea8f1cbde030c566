"""One file → its columns, every value text or null."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from core.datasets.caps import Caps
from core.datasets.errors import DataError
from core.datasets.reading.kinds import Kind, check_text, kind_of

Columns = dict[str, list[str | None]]


def read(request: dict[str, Any]) -> Iterable[Any]:
    """Answer for `{"path", "suffix", "caps"}`: the column names, then each column's values in the same order."""
    caps = Caps(**request["caps"])
    path = Path(request["path"])
    kind = kind_of(path, request["suffix"])
    columns = _reader(kind)(path, request["suffix"], caps)
    rows = len(next(iter(columns.values())))
    if rows == 0:
        raise DataError("there is a header but no row below it. Upload a table with at least two rows.")
    return [list(columns), *columns.values()]


def _reader(kind: Kind) -> Callable[[Path, str, Caps], Columns]:
    if kind == "parquet":
        from core.datasets.reading.parquet import read_parquet  # pyarrow is slow to import

        return read_parquet
    if kind == "json":
        from core.datasets.reading.json_rows import read_json

        return lambda path, _, caps: read_json(path, check_text(path), caps)
    from core.datasets.reading.delimited import read_delimited

    return lambda path, suffix, caps: read_delimited(path, check_text(path), suffix, caps)


def check_names(names: list[str], caps: Caps) -> list[str]:
    """Column names, stripped. Raises `DataError` for too many, empty, too long, or equal ones."""
    if len(names) > caps.columns:
        raise DataError(
            f"the header has {len(names):,} columns; at most {caps.columns} are read."
            " Keep the text, label, confound, split and id columns and leave out the rest."
        )
    stripped = [name.strip() for name in names]
    for number, name in enumerate(stripped, 1):
        if not name:
            raise DataError(
                f"column {number} has no name. Name it in the header, or remove it"
                " (a table saved with its row index has such a column)."
            )
        if len(name) > caps.name:
            raise DataError(
                f"the name of column {number} has {len(name):,} characters; at most {caps.name} are read."
                " Is the first line really a header?"
            )
        if not name.isprintable():
            raise DataError(
                f"the name of column {number} holds a line break or a control character. Rename it,"
                " and check that every quote in the header is closed."
            )
    twice = sorted({name for name in stripped if stripped.count(name) > 1})
    if twice:
        shown = ", ".join(f"“{name}”" for name in twice[:5])
        raise DataError(f"the header has the same name more than once: {shown}. Give every column its own name.")
    return stripped


def row_cap(columns: int, caps: Caps) -> int:
    """How many rows a table this wide may have."""
    return min(caps.rows, caps.cells // max(columns, 1))


def too_many_rows(allowed: int) -> DataError:
    return DataError(
        f"there are more than {allowed:,} rows, the most that a table of this width may have. Upload a sample of it."
    )


def too_long(where: str, caps: Caps) -> DataError:
    return DataError(
        f"{where} holds a cell of more than {caps.cell:,} characters. Shorten it"
        " (a quote that is opened and never closed also does this)."
    )
