"""From an uploaded file to a table of text, safely.

    table = read_table("reviews.csv")           # a file
    table = read_bytes(upload, name="a.tsv")    # an upload

A table is a `pandas.DataFrame` whose values are all `str` or `None`, exactly as the file wrote them.
"""

import dataclasses
import os
import tempfile
import unicodedata
from pathlib import Path

import pandas as pd

from core.datasets.caps import Caps
from core.datasets.errors import DataError
from core.datasets.limited import run_limited

_DEFAULT = Caps()


def read_table(path: str | os.PathLike[str], *, name: str | None = None, caps: Caps = _DEFAULT) -> pd.DataFrame:
    """Read CSV, TSV, JSON lines, a JSON array or Parquet, told apart by content first and by name second.

    `name` is what the file was called when uploaded; it only decides between text formats and appears in messages. The
    parsing happens in a process of its own with the limits of `caps`, before pandas sees anything.
    Raises `DataError`: "name: what is wrong, where, what to do".
    """
    source = Path(path)
    shown = display_name(name if name is not None else source.name)
    try:
        size = source.stat().st_size
        if not source.is_file():
            raise DataError(f"{shown}: this is not a file. Give the path of a table.")
    except OSError:
        raise DataError(f"{shown}: there is no such file, or it may not be read. Check the path.") from None
    if size > caps.bytes:
        raise DataError(
            f"{shown}: the file has {size / 2**20:,.0f} MiB; at most {caps.bytes // 2**20:,} MiB are read."
            " Upload a sample of it."
        )
    request = {"path": str(source.resolve()), "suffix": Path(shown).suffix.lower(), "caps": dataclasses.asdict(caps)}
    try:
        names, *columns = run_limited("read", request, seconds=caps.seconds, memory=caps.memory)
    except DataError as error:
        raise DataError(f"{shown}: {error}") from None
    # object keeps None as None and every string as it is
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in zip(names, columns, strict=True)})


def read_bytes(data: bytes, *, name: str, caps: Caps = _DEFAULT) -> pd.DataFrame:
    """`read_table` for an upload held in memory."""
    with tempfile.TemporaryDirectory(prefix="unconfound-") as folder:
        path = Path(folder, "upload")  # never a name that somebody else chose
        path.write_bytes(data)
        return read_table(path, name=name, caps=caps)


def display_name(name: str) -> str:
    """A name fit to be shown: no folders, no control or direction-changing characters, at most 80 characters.

    It is never used to open or write a file.
    """
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    shown = "".join(c for c in last if not unicodedata.category(c).startswith(("C", "Z")) or c == " ").strip(" .")
    if len(shown) > 80:
        stem, dot, suffix = shown.rpartition(".")
        shown = f"{stem[:70]}…{dot}{suffix}" if dot and len(suffix) <= 8 else f"{shown[:79]}…"
    return shown or "the file"
