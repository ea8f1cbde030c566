"""CSV, TSV and their kin → columns of text."""

import contextlib
import csv
import io
import itertools
from pathlib import Path
from typing import Literal

from core.datasets.caps import Caps
from core.datasets.errors import DataError
from core.datasets.reading.table import Columns, check_names, row_cap, too_long, too_many_rows

_DELIMITERS = (",", "\t", ";", "|")
_SNIFFED_ROWS = 50
_SNIFFED_CHARACTERS = 200_000


def read_delimited(path: Path, encoding: str, suffix: str, caps: Caps) -> Columns:
    """Every value stays the text it was: "NA", "null", "1.0" and "" are themselves.

    A tab-separated table whose quotes do not pair up is read a second time without quoting, as such files often are.
    Raises `DataError` with the line of the first fault.
    """
    csv.field_size_limit(caps.cell)
    delimiter = "\t" if suffix in {".tsv", ".tab"} else sniff_delimiter(path, encoding)
    try:
        return _parse(path, encoding, delimiter, csv.QUOTE_MINIMAL, caps)
    except DataError:
        if delimiter != "\t":
            raise
        try:
            return _parse(path, encoding, delimiter, csv.QUOTE_NONE, caps)
        except DataError:
            pass
        raise


def sniff_delimiter(path: Path, encoding: str) -> str:
    """The delimiter under which most of the first rows are as wide as the header; a comma if none splits it."""
    best, best_score = ",", (0.0, 1)
    for delimiter in _DELIMITERS:
        with path.open(encoding=encoding, newline="") as lines:
            start = io.StringIO(lines.read(_SNIFFED_CHARACTERS), newline="")
        widths: list[int] = []
        # A faulty quote is named by the full reading; here it just ends the look.
        with contextlib.suppress(csv.Error):
            widths.extend(
                len(row) for row in itertools.islice(csv.reader(start, delimiter=delimiter), _SNIFFED_ROWS) if row
            )
        width = widths[0] if widths else 1
        score = (sum(w == widths[0] for w in widths) / len(widths), width) if width > 1 else (0.0, 1)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _parse(path: Path, encoding: str, delimiter: str, quoting: Literal[0, 3], caps: Caps) -> Columns:
    with path.open(encoding=encoding, newline="") as lines:
        reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
        try:
            header = next((row for row in reader if row), None)
            if header is None:
                raise DataError("the file is empty. Upload a table with a header and at least two rows.")
            names = check_names(header, caps)
            allowed = row_cap(len(names), caps)
            rows: list[list[str]] = []
            line = reader.line_num + 1
            for row in reader:
                if len(row) != len(names):
                    if row:
                        raise _ragged(line, len(row), names, delimiter)
                else:
                    rows.append(row)
                    if len(rows) > allowed:
                        raise too_many_rows(allowed)
                line = reader.line_num + 1
        except csv.Error as error:
            if "field larger" in str(error):
                raise too_long(f"line {reader.line_num:,}", caps) from None
            raise DataError(_unpaired(error, reader.line_num)) from None
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _ragged(line: int, width: int, names: list[str], delimiter: str) -> DataError:
    character = {"\t": "a tab", ",": "a comma", ";": "a semicolon"}.get(delimiter, f"“{delimiter}”")
    cells = "1 cell" if width == 1 else f"{width:,} cells"
    return DataError(
        f"line {line:,} has {cells}, but the header has {len(names):,} columns."
        f" Put quotes around any text that contains {character}, or correct that line."
    )


def _unpaired(error: csv.Error, line: int) -> str:
    if "unexpected end" in str(error):
        return (
            "a quote is opened and never closed before the end of the file. Close it, or double quotes inside a text."
        )
    return f'line {line:,} has a quote in the wrong place. Inside a quoted text, write every quote twice ("").'
