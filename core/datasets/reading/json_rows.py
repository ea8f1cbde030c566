"""JSON lines, or one JSON array of objects → columns of text."""

import json
import re
from pathlib import Path
from typing import Any

from core.datasets.caps import Caps
from core.datasets.errors import DataError
from core.datasets.reading.table import Columns, check_names, row_cap, too_long, too_many_rows

_SPACE = re.compile(r"[ \t\r\n]*")
_UNFIT = re.compile("[\0\ud800-\udfff]")  # neither can be stored as text


class _DuplicateKeyError(Exception):
    pass


def read_json(path: Path, encoding: str, caps: Caps) -> Columns:
    """Objects one after the other, or in one array; a key that an object lacks is null.

    Numbers keep the digits they were written with, true and false become "true" and "false", NaN becomes null.
    Raises `DataError` with the row and line of the first fault.
    """
    text = path.read_text(encoding=encoding)
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique,
        parse_int=str,
        parse_float=str,
        parse_constant=lambda name: None if name == "NaN" else name,
    )
    columns: Columns = {}
    names: set[str] = set()
    at = _skip(text, 0)
    array = text[at : at + 1] == "["
    at = _skip(text, at + 1) if array else at
    row = 0
    while at < len(text) and not (array and text[at] == "]"):
        where = f"row {row + 1:,}"
        record, at = _decode(decoder, text, at, where)
        _add(columns, names, record, row, where, caps)
        row += 1
        if row > row_cap(len(columns), caps):
            raise too_many_rows(row_cap(len(columns), caps))
        at = _next(text, at, array, where)
    if array and text[at : at + 1] != "]":
        raise DataError("the JSON array is not closed: the file ends without “]”. Was it cut off?")
    if array and _skip(text, at + 1) < len(text):
        raise DataError(f"there is more text after the end of the JSON array (line {_line(text, at + 1)}). Remove it.")
    if not columns:
        raise DataError('there is no object with keys in it. Write one object a row, such as {"text": …, "label": …}.')
    for values in columns.values():
        values.extend([None] * (row - len(values)))
    return dict(zip(check_names(list(columns), caps), columns.values(), strict=True))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return found


def _decode(decoder: json.JSONDecoder, text: str, at: int, where: str) -> tuple[dict[str, Any], int]:
    try:
        record, end = decoder.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} (line {error.lineno:,}) is not valid JSON: {error.msg}. Correct that line.") from None
    except _DuplicateKeyError as error:
        raise DataError(f"{where} has the key “{str(error)[:80]}” twice. Give every key once.") from None
    except RecursionError:
        raise DataError(
            f"{where} is nested too deeply. Every row must be a flat object of texts and numbers."
        ) from None
    if not isinstance(record, dict):
        raise DataError(
            f"{where} (line {_line(text, at)}) is not a JSON object."
            ' Write one object a row, such as {"text": …, "label": …}.'
        )
    return record, end


def _add(columns: Columns, names: set[str], record: dict[str, Any], row: int, where: str, caps: Caps) -> None:
    for key, value in record.items():
        if key not in names:
            names.add(key)
            columns[key] = []
            if len(columns) > caps.columns:
                check_names(list(columns), caps)
        values = columns[key]
        values.extend([None] * (row - len(values)))
        values.append(_as_text(value, key, where, caps))


def _as_text(value: Any, key: str, where: str, caps: Caps) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise DataError(
            f"{where} holds a list or an object under “{key[:80]}”. Every value must be a text, a number, true,"
            " false or null: flatten that column or leave it out."
        )
    if len(value) > caps.cell:
        raise too_long(where, caps)
    if _UNFIT.search(value):
        raise DataError(f"{where} holds a NUL or half a character pair under “{key[:80]}”. Remove it from the text.")
    return value


def _next(text: str, at: int, array: bool, where: str) -> int:
    at = _skip(text, at)
    if not array or at >= len(text) or text[at] == "]":
        return at
    if text[at] != ",":
        raise DataError(f"after {where} (line {_line(text, at)}) a comma or “]” is missing. Correct that line.")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _line(text: str, at: int) -> str:
    return f"{text.count(chr(10), 0, at) + 1:,}"
