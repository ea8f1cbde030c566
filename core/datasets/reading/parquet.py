"""Parquet → columns of text, after a look at its own table of contents."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.datasets.caps import Caps
from core.datasets.errors import DataError
from core.datasets.reading.table import Columns, check_names, row_cap, too_long, too_many_rows

_BATCH = 1000


def read_parquet(path: Path, _suffix: str, caps: Caps) -> Columns:
    """Numbers become the shortest text that gives them back, dates ISO 8601, booleans "true" and "false", NaN null.

    Rows, columns and unfolded size are checked in the metadata first, then again while reading, since metadata can lie.
    Raises `DataError`.
    """
    try:
        file = pq.ParquetFile(path)
        _check_contents(file, caps)
        names = check_names(list(file.schema_arrow.names), caps)
        turn = [_converter(field) for field in file.schema_arrow]
        columns: Columns = {name: [] for name in names}
        allowed, seen, characters = row_cap(len(names), caps), 0, 0
        for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
            seen += batch.num_rows
            if seen > allowed:
                raise too_many_rows(allowed)
            for name, convert, values in zip(names, turn, batch.columns, strict=True):
                texts = [None if value is None else convert(value) for value in values.to_pylist()]
                characters += _check_cells(texts, name, seen - batch.num_rows, caps)
                columns[name].extend(texts)
            if characters > caps.decoded:
                raise _unfolds(caps)
    except MemoryError:
        raise
    except UnicodeDecodeError:
        raise DataError("a text in it is not UTF-8. Save the table as Parquet or CSV anew, with UTF-8 text.") from None
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise DataError(f"the Parquet file is damaged or cut off ({reason}). Save it anew.") from None
    return columns


def _check_contents(file: pq.ParquetFile, caps: Caps) -> None:
    contents = file.metadata
    if len(file.schema_arrow) > caps.columns:
        check_names(list(file.schema_arrow.names), caps)
    allowed = row_cap(len(file.schema_arrow), caps)
    if contents.num_rows > allowed:
        raise too_many_rows(allowed)
    if sum(contents.row_group(i).total_byte_size for i in range(contents.num_row_groups)) > caps.decoded:
        raise _unfolds(caps)


def _unfolds(caps: Caps) -> DataError:
    return DataError(f"it unfolds to more than {caps.decoded // 2**20:,} MiB. Upload a sample of it.")


def _converter(field: pa.Field) -> Callable[[Any], str | None]:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return str
    if pa.types.is_boolean(kind):
        return lambda value: "true" if value else "false"
    if pa.types.is_floating(kind):
        return lambda value: None if math.isnan(value) else repr(float(value))
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return str
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return lambda value: str(value.isoformat())
    if pa.types.is_null(kind):
        return lambda _: None
    raise DataError(
        f"column “{field.name[:80]}” holds {kind}, which is not text, a number, a date or true/false."
        " Turn it into text or leave it out."
    )


def _check_cells(texts: list[str | None], name: str, before: int, caps: Caps) -> int:
    """How many characters there are. Raises `DataError` for one cell too long, or with a NUL."""
    total = 0
    for offset, text in enumerate(texts):
        if text is not None:
            total += len(text)
            if len(text) > caps.cell:
                raise too_long(f"row {before + offset + 1:,}", caps)
            if "\0" in text:
                raise DataError(f"row {before + offset + 1:,} holds a NUL under “{name}”. Remove it from the text.")
    return total
