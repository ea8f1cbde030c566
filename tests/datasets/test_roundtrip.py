"""Invariant: any table of text, written as CSV, TSV, JSON lines, JSON or Parquet, is read back character for character.

The child's own function is called here without its process, which `test_reading` starts, so that many tables fit in.
"""

import csv
import dataclasses
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.datasets.caps import Caps
from core.datasets.reading.table import read

NAMES = ["text", "label", "confound"]
# Everything that a text may hold: no NUL and no half character pairs, which are refused by name.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
TRICKY = st.sampled_from(
    [
        '"',
        '""',
        ",",
        ";\t|",
        "a\nb",
        "a\r\nb",
        "\r",
        "'",
        "\\n",
        "😀👩‍👩‍👧",
        "שלום",
        "\u202eabc",
        "NA",
        "",
        " ",
        "\u2028",
        "\x85",
        "\ufeff",
        "{}",
        "[1]",
    ]
)
TABLE = st.lists(st.tuples(*[TEXT | TRICKY] * len(NAMES)), min_size=1, max_size=6)


def _csv(rows, delimiter):
    # Where quoting is left to it, Python's writer leaves a lone carriage return bare, and so ends the row.
    quoting = csv.QUOTE_ALL if any("\r" in value for row in rows for value in row) else csv.QUOTE_MINIMAL
    return pd.DataFrame(rows, columns=NAMES).to_csv(index=False, sep=delimiter, quoting=quoting).encode()


def _parquet(rows):
    out = io.BytesIO()
    pd.DataFrame(rows, columns=NAMES).to_parquet(out)
    return out.getvalue()


def _records(rows):
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


WRITERS = {
    ".csv": lambda rows: _csv(rows, ","),
    ".txt": lambda rows: _csv(rows, ";"),
    ".tsv": lambda rows: _csv(rows, "\t"),
    ".jsonl": lambda rows: "\n".join(json.dumps(row, ensure_ascii=False) for row in _records(rows)).encode(),
    ".json": lambda rows: json.dumps(_records(rows)).encode("utf-16"),
    ".parquet": _parquet,
}


@pytest.mark.parametrize("suffix", WRITERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=TABLE)
@example(rows=[('a "quoted", text\nin two lines', "שלום", "😀")])
@example(rows=[("", "", "")])
def test_round_trip(tmp_path: Path, suffix, rows):
    path = tmp_path / "upload"
    path.write_bytes(WRITERS[suffix](rows))
    names, *columns = read({"path": str(path), "suffix": suffix, "caps": dataclasses.asdict(Caps())})
    assert names == NAMES
    assert list(zip(*columns, strict=True)) == rows
