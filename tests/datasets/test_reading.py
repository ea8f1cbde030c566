"""Invariant: what the file says is what the table holds: text stays text, whatever the format, encoding or folder."""

import datetime
import decimal
import io
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.datasets import limited
from core.datasets.errors import DataError
from core.datasets.ingest import read_bytes, read_table
from core.system.processes import tree_memory

ROOT = Path(__file__).resolve().parents[2]


def rows(data: bytes | str, name: str = "data.csv") -> list[list[str | None]]:
    frame = read_bytes(data.encode() if isinstance(data, str) else data, name=name)
    return [list(frame.columns), *frame.to_numpy().tolist()]


def test_values_stay_the_text_they_are():
    values = ["NA", "null", "nan", "1.0", "007", "1e5", "", " x ", "True", "-", "2021-01-01"]
    table = rows("text\n" + "\n".join(f'"{value}"' for value in values))
    assert [row[0] for row in table[1:]] == values


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a"])
def test_delimiters_are_told_apart(delimiter, name):
    data = delimiter.join(["text", "label"]) + "\n" + "".join(f'"a, b; c | d \t{i}"{delimiter}x\n' for i in range(60))
    assert rows(data, name)[:2] == [["text", "label"], ["a, b; c | d \t0", "x"]]


def test_commas_in_the_texts_of_a_semicolon_table():
    assert rows("text;label\nwell, yes;a\nno;b\n") == [["text", "label"], ["well, yes", "a"], ["no", "b"]]


def test_one_column():
    assert rows("text\na;b\nc\n") == [["text"], ["a;b"], ["c"]]


def test_line_ends_blank_lines_and_quoted_newlines():
    assert rows('text,label\r\n"a\r\nb",x\r\n\r\n"say ""hi""",y') == [
        ["text", "label"],
        ["a\r\nb", "x"],
        ['say "hi"', "y"],
    ]
    assert rows("text,label\ra,x\rb,y\r")[1:] == [["a", "x"], ["b", "y"]]


def test_tab_separated_without_quoting():
    assert rows('text\tlabel\n" I think\ta\n" you"\tb\n', "a.tsv")[1:] == [['" I think', "a"], ['" you"', "b"]]
    assert rows('text\tlabel\n"tab\there"\ta\n', "a.tsv")[1:] == [["tab\there", "a"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("name", "data"),
    [("a.csv", "text,label\nnaïve 😀 שלום,ñ\n"), ("a.jsonl", '{"text": "naïve 😀 שלום", "label": "ñ"}')],
)
def test_encodings(encoding, name, data):
    assert rows(data.encode(encoding), name) == [["text", "label"], ["naïve 😀 שלום", "ñ"]]


def test_json_lines_and_arrays():
    expected = [["text", "n"], ["a", "1.50"], ["b", None], [None, "true"]]
    lines = '{"text": "a", "n": 1.50}\n\n{"text": "b", "n": null}\n{"n": true, "text": NaN}\n'
    assert rows(lines, "a.jsonl") == expected
    assert rows(lines, "a") == expected
    array = '[{"text": "a", "n": 1.50},\n {"text": "b"},\n {"n": true}]'
    assert rows(array, "a.json") == expected
    assert rows(array, "wrongly-named.csv") == expected
    assert rows('{\n "text": "a"\n}\n', "a.json") == [["text"], ["a"]]


def test_json_keys_that_come_late():
    assert rows('{"a": "1"}\n{"b": "2"}\n', "a.jsonl") == [["a", "b"], ["1", None], [None, "2"]]


def test_a_csv_that_begins_with_a_bracket():
    assert rows("[id],text\n1,a\n") == [["[id]", "text"], ["1", "a"]]


def test_parquet_types():
    out = io.BytesIO()
    day = datetime.date(2021, 3, 4)
    table = pa.table(
        {
            "text": pa.array(["a", None]),
            "large": pa.array(["a", "b"], pa.large_string()),
            "category": pa.array(["x", "y"]).dictionary_encode(),
            "whole": pa.array([1, None]),
            "float": pa.array([0.1, float("nan")]),
            "flag": pa.array([True, False]),
            "day": pa.array([day, day]),
            "decimal": pa.array([decimal.Decimal("1.10"), None]),
            "nothing": pa.nulls(2),
        }
    )
    pq.write_table(table, out)
    read = rows(out.getvalue(), "named.csv")
    assert read[1] == ["a", "a", "x", "1", "0.1", "true", "2021-03-04", "1.10", None]
    assert read[2] == [None, "b", "y", None, None, "false", "2021-03-04", None, None]


def test_a_path_and_a_name(tmp_path):
    path = tmp_path / "upload"
    path.write_text("text\tlabel\nx\ty\n")
    assert read_table(path, name="a.tsv").to_dict("records") == [{"text": "x", "label": "y"}]
    assert read_table(str(path)).to_dict("records") == [{"text": "x", "label": "y"}]


def test_reads_from_any_folder_and_python_path(tmp_path):
    """The child finds the project although nothing in its surroundings names it, and nothing there can stand in for it."""
    (tmp_path / "csv.py").write_text("raise SystemExit('imported from the working directory')")
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("raise SystemExit('the wrong core')")
    (tmp_path / "a.csv").write_text("text,label\nx,y\n")
    pd.DataFrame({"text": ["x"]}).to_parquet(tmp_path / "a.parquet")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import csv\n"
        "from core.datasets.ingest import read_table\n"
        "print(read_table('a.csv').to_numpy().tolist(), read_table('a.parquet').to_numpy().tolist())"
    )
    env = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "[['x', 'y']] [['x']]", done.stderr


def test_the_reading_process_imports_neither_pandas_nor_torch():
    code = (
        "import sys; import core.datasets.reading.child, core.datasets.reading.delimited, core.datasets.reading.json_rows\n"
        "print(sorted({'pandas', 'numpy', 'pyarrow', 'torch', 'streamlit', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_memory_is_watched_where_the_system_does_not(monkeypatch):
    monkeypatch.setattr(limited, "_WATCHED", True)
    greedy = subprocess.Popen([sys.executable, "-c", "import time; x = b'x' * 200_000_000; time.sleep(60)"])
    try:
        with pytest.raises(DataError, match="needs more memory than the 100 MiB"):
            limited._wait(greedy, seconds=30, memory=100 * 2**20)
    finally:
        greedy.kill()
        greedy.wait()
    assert tree_memory(greedy.pid) == 0
