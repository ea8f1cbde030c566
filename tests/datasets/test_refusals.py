"""Invariant: a file that cannot be used is refused in a few seconds, in a sentence that says what, where and what to do."""

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import time
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.datasets.caps import Caps
from core.datasets.errors import DataError
from core.datasets.ingest import display_name, read_bytes, read_table
from core.errors import UserError

SECONDS = 8.0  # a fifth of a second each; the rest is for a busy machine
DEFAULT = Caps()
GOOD = b"text,label,confound\nhello,a,x\nworld,b,y\n"


def refusal(data: bytes, name: str = "data.csv", caps: Caps = DEFAULT) -> str:
    start = time.perf_counter()
    with pytest.raises(DataError) as caught:
        read_bytes(data, name=name, caps=caps)
    assert time.perf_counter() - start < SECONDS, "a refusal must not take long"
    assert isinstance(caught.value, UserError)
    message = str(caught.value)
    assert message.endswith((".", "?"))
    assert "Traceback" not in message
    return message


def parquet(**columns: pa.Array) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", GOOD)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = len(GOOD)
        archive.addfile(info, io.BytesIO(GOOD))
    return out.getvalue()


@pytest.mark.parametrize("data", [b"", b"\n\n \n", b"\xef\xbb\xbf", "\n".encode("utf-16")])
def test_empty_file(data):
    assert refusal(data) == "data.csv: the file is empty. Upload a table with a header and at least two rows."


def test_header_only():
    assert "there is a header but no row below it" in refusal(b"text,label\n")
    assert "there is no object" in refusal(b"[]", "a.json")


def test_wrong_encoding_names_the_byte_and_the_line():
    message = refusal("text,label\nfine,a\ncafé,b\n".encode("latin-1"))
    assert "byte 22 (0xE9) in line 3 is not UTF-8" in message
    assert "Save the file with the encoding UTF-8" in message


def test_wrong_encoding_far_into_the_file():
    start = b"text,label\n" + b"x,y\n" * 600_000
    assert f"byte {len(start) + 1:,} (0xFF) in line 600,002" in refusal(start + b"\xff,y\n")


def test_cut_off_in_the_middle_of_a_character():
    assert "in line 2 is not UTF-8" in refusal("text\né".encode()[:-1])


def test_other_unicode_encodings_are_named():
    assert "UTF-16 without its byte order mark" in refusal(GOOD.decode().encode("utf-16-le"))
    assert "UTF-32" in refusal(GOOD.decode().encode("utf-32"))


def test_nul_bytes():
    assert "byte 14 (line 2) is a NUL byte" in refusal(b"text,label\naa\0,b\n")
    assert "row 2 holds a NUL" in refusal(b'{"a": "x"}\n{"a": "\\u0000"}', "a.jsonl")
    assert "row 2 holds a NUL" in refusal(parquet(a=["x", "\0"]))


def test_ragged_rows_name_the_line():
    message = refusal(b'text,label\n"two\nlines",a\none,b,c\n')
    assert "line 4 has 3 cells, but the header has 2 columns" in message
    assert "Put quotes around any text that contains a comma" in message
    assert "line 2 has 1 cell, but" in refusal(b"text,label\nonly\n")


def test_quotes_that_do_not_pair_up():
    assert "a quote is opened and never closed" in refusal(b'text,label\n"open,a\nx,b\n')
    assert "line 2 has a quote in the wrong place" in refusal(b'text,label\n"a"b,c\n')


def test_duplicate_headers():
    assert "the same name more than once: “text”" in refusal(b"text,label, text\na,b,c\n")
    assert "the same name more than once" in refusal(b'{"a": 1, " a": 2}', "a.json")


def test_empty_header_name():
    assert "column 1 has no name" in refusal(b",text\n0,a\n")


def test_ten_megabytes_in_one_cell():
    long = b"x" * 10_000_000
    expected = "holds a cell of more than 100,000 characters"
    assert f"line 2 {expected}" in refusal(b"text,label\n" + long + b",a\n")
    assert f"row 1 {expected}" in refusal(b'{"text": "' + long + b'"}', "a.jsonl")
    assert f"row 1 {expected}" in refusal(parquet(text=[long.decode()]))


def test_a_header_of_thirty_thousand_names():
    header = b",".join([b"a"] * 30_000)
    assert len(header) == 59_999
    assert "the header has 30,000 columns; at most 200 are read" in refusal(header + b"\n" + header + b"\n")
    many = "{" + ",".join(f'"{i}": 1' for i in range(30_000)) + "}"
    assert "columns; at most 200" in refusal(many.encode(), "a.jsonl")
    assert "the header has 300 columns" in refusal(parquet(**{str(i): [1] for i in range(300)}))


def test_a_text_in_place_of_the_header():
    assert "Is the first line really a header?" in refusal(b"x" * 300 + b"\ny\n")


@pytest.mark.parametrize("name", ["data.csv", "data.parquet"])
@pytest.mark.parametrize(
    ("data", "what"),
    [
        (zipped(), "zip archive or an Excel workbook"),
        (gzip.compress(GOOD, mtime=0), "archive or a compressed file"),
        (bz2.compress(GOOD), "archive or a compressed file"),
        (lzma.compress(GOOD), "archive or a compressed file"),
        (tarred(), "archive or a compressed file"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "archive or a compressed file"),
        (b"\x28\xb5\x2f\xfd\0", "archive or a compressed file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        (b"%PDF-1.7\n", "PDF"),
        *((pickle.dumps({"text": ["a", "b"], "n": 1.5}, protocol=p), "Python pickle") for p in range(6)),
        *((pickle.dumps(pd.DataFrame({"a": [1]}), protocol=p), "Python pickle") for p in (0, 2, 5)),
    ],
)
def test_archives_and_pickles_under_any_name(data, what, name):
    assert what in refusal(data, name)


def test_a_text_that_ends_in_a_full_stop_is_no_pickle():
    assert read_bytes(b"text,label\nI.,N.", name="a.csv")["label"].tolist() == ["N."]


def test_named_parquet_but_not():
    assert "but the content is not Parquet" in refusal(GOOD, "a.parquet")


def test_damaged_parquet():
    assert "damaged or cut off" in refusal(parquet(a=["x"])[:-20])
    assert "damaged or cut off" in refusal(b"PAR1" + b"\xff" * 100 + b"PAR1")


def test_parquet_columns_that_are_no_text():
    assert "column “a” holds list" in refusal(parquet(a=[[1, 2]]))
    assert "column “a” holds struct" in refusal(parquet(a=[{"b": 1}]))
    assert "column “a” holds binary" in refusal(parquet(a=[b"x"]))


def test_parquet_that_unfolds_to_more_than_it_says():
    bomb = parquet(text=pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * 90_000]))
    assert len(bomb) < 200_000
    assert "unfolds to more than 400 MiB" in refusal(bomb)


def test_parquet_metadata_are_checked_before_reading():
    assert "unfolds to more than" in refusal(parquet(n=list(range(400_000))), caps=Caps(decoded=2**20))
    assert "more than 1,000 rows" in refusal(parquet(n=list(range(1_001))), caps=Caps(rows=1_000))


def test_json_faults_name_the_row():
    assert "row 1 is nested too deeply" in refusal(b"[" * 200_000, "a.json")
    assert "row 1 is nested too deeply" in refusal(b'{"a":' * 200_000, "a.jsonl")
    assert "row 2 has the key “a” twice" in refusal(b'{"a": 1}\n{"a": 1, "a": 2}', "a.jsonl")
    assert "row 2 (line 2) is not valid JSON" in refusal(b'{"a": 1}\n{"a": ', "a.jsonl")
    assert "row 1 holds a list or an object under “a”" in refusal(b'{"a": [1]}', "a.jsonl")
    assert "row 1 (line 1) is not a JSON object" in refusal(b"[1, 2]", "a.json")
    assert "the JSON array is not closed" in refusal(b'[{"a": 1}', "a.json")
    assert "a comma or “]” is missing" in refusal(b'[{"a": 1} {"a": 2}]', "a.json")
    assert "more text after the end" in refusal(b'[{"a": 1}] x', "a.json")
    assert "half a character pair" in refusal(b'{"a": "\\ud800"}', "a.jsonl")


def test_caps_on_bytes_rows_and_cells():
    assert "at most 1 MiB are read" in refusal(b"x" * (2**20 + 1), caps=Caps(bytes=2**20))
    for data, name in ((b"a\n" + b"x\n" * 11, "a.csv"), (b'{"a": 1}\n' * 11, "a.jsonl")):
        assert "there are more than 10 rows" in refusal(data, name, Caps(rows=10))
    assert "there are more than 5 rows" in refusal(b"a,b\n" + b"x,y\n" * 6, caps=Caps(cells=10))


def test_time_and_memory_limits():
    assert "took longer than 0.001 seconds" in refusal(GOOD, caps=Caps(seconds=0.001))
    big = b"text,label\n" + b"some words,a\n" * 400_000
    assert "needs more memory than the 40 MiB" in refusal(big, caps=Caps(memory=40 * 2**20))


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="this is not a file"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../x", "x"),
        ("..\\..\\x.csv", "x.csv"),
        ("/etc/passwd", "passwd"),
        ("../..", "the file"),
        ("", "the file"),
        ("a\x00b\n.csv", "ab.csv"),
        ("\u202egpj.csv", "gpj.csv"),
        ("x" * 300 + ".csv", "x" * 70 + "….csv"),
    ],
)
def test_a_file_name_is_only_ever_shown(name, shown):
    assert display_name(name) == shown
    assert refusal(b"", name).startswith(f"{shown}: the file is empty")
    assert len(read_bytes(GOOD, name=name)) == 2
