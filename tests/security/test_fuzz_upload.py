"""Bytes mutated from valid files give a table within the caps or a sentence, never another error, and in time.

The limited process's own function is called here without its process, so that hundreds of files fit into seconds; what a
process adds (time, memory) is attacked in tests/datasets/test_refusals.py and measured by `python -m benchmarks.hostile`.
A longer run: FUZZ_EXAMPLES=20000 pytest tests/security/test_fuzz_upload.py
"""

import dataclasses
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.datasets.caps import Caps
from core.datasets.errors import DataError
from core.datasets.reading.table import read

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "250"))
SECONDS = 5.0
CAPS = Caps(bytes=2**20, rows=200, columns=8, cells=1000, cell=500, name=50, decoded=2**20)
FRAME = pd.DataFrame(
    {
        "text": ['a "quoted", text', "zwei\nZeilen", "naïve 😀", "x" * 400],
        "label": list("abab"),
        "n": [1.5, 2, None, -0.0],
    }
)


def _parquet(**options: object) -> bytes:
    out = io.BytesIO()
    columns = {
        "text": FRAME["text"].tolist(),
        "label": pa.array(FRAME["label"]).dictionary_encode(),
        "n": FRAME["n"].tolist(),
    }
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


SEEDS: dict[str, list[bytes]] = {
    ".csv": [
        FRAME.to_csv(index=False).encode(),
        FRAME.to_csv(index=False, sep=";").encode("utf-16"),
        b"text,label\r\na,b\r\n",
    ],
    ".tsv": [FRAME.to_csv(index=False, sep="\t").encode(), b'text\tlabel\n"open\ta\n'],
    ".jsonl": [FRAME.to_json(orient="records", lines=True).encode(), b'{"a": NaN}\n{"a": 1e999, "b": true}\n'],
    ".json": [FRAME.to_json(orient="records").encode(), b'[{"a": "\\u00e9"}, {"b": null}]', b"\xef\xbb\xbf[]"],
    ".parquet": [_parquet(), _parquet(compression="zstd"), _parquet(data_page_version="2.0", row_group_size=2)],
}
PIECES = [
    *(
        b"\0",
        b'"',
        b'""',
        b",",
        b"\t",
        b"\n",
        b"\r",
        b"{",
        b"[",
        b"]",
        b"}",
        b"\\u",
        b"\\ud800",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
    ),
    *(
        b"\xed\xa0\x80",
        b"PAR1",
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"\x80\x04",
        b"NaN",
        b"1e9999",
        b"-",
        b'{"a":' * 50,
        b"[" * 200,
    ),
    *(b"," * 300, b"x" * 600, b'"a"b', b"\x7f\xff\xff\xff", b"\xff" * 8, b"=cmd|' /C calc'!A0", b"9" * 5000),
]

Mutation = Callable[[bytes], bytes]


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with a few cuts, flips, repetitions, insertions and swaps."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        to = draw(st.integers(at, min(len(data), at + 200)))
        match draw(st.sampled_from(["cut", "keep", "flip", "put", "twice", "raw", "other"])):
            case "cut":
                data = data[:at] + data[to:]
            case "keep":
                data = data[:at] or data
            case "flip" if at < len(data):
                data = data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
            case "put":
                data = data[:at] + draw(st.sampled_from(PIECES)) + data[at:]
            case "twice":
                data = data[:to] + data[at:to] * draw(st.integers(1, 30)) + data[to:]
            case "raw":
                data = data[:at] + draw(st.binary(max_size=20)) + data[to:]
            case _:
                data = data[:at] + draw(st.sampled_from(draw(st.sampled_from(list(SEEDS.values())))))
    return data


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "upload"


@pytest.mark.parametrize("suffix", sorted(SEEDS))
def test_mutated_files(path: Path, suffix: str) -> None:
    outcomes = {"read": 0, "refused": 0}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(data=mutated(SEEDS[suffix]), named=st.sampled_from(sorted(SEEDS)) | st.just(suffix))
    def attack(data: bytes, named: str) -> None:
        path.write_bytes(data)
        began = time.perf_counter()
        said = ""
        try:
            answer = read({"path": str(path), "suffix": named, "caps": dataclasses.asdict(CAPS)})
            names, *columns = [json.loads(json.dumps(one, ensure_ascii=False)) for one in answer]
        except DataError as error:
            said = str(error)
        outcomes["refused" if said else "read"] += 1
        if said:
            assert said.endswith((".", "?", ")")), said
            assert "\0" not in said
        else:
            check(names, columns)
        assert time.perf_counter() - began < SECONDS

    attack()
    print(f"{suffix}: {outcomes}")
    assert min(outcomes.values()) > EXAMPLES // 50, "the mutations reach both ends"


def check(names: list[str], columns: list[list[str | None]]) -> None:
    """A table within the caps, of nothing but text."""
    assert 1 <= len(names) <= CAPS.columns
    assert len(set(names)) == len(names) == len(columns)
    rows = len(columns[0])
    assert 1 <= rows <= CAPS.rows
    assert rows * len(names) <= CAPS.cells
    for name in names:
        assert name.strip() == name != ""
        assert len(name) <= CAPS.name
        assert name.isprintable()
    for column in columns:
        assert len(column) == rows
        for cell in column:
            assert cell is None or (isinstance(cell, str) and len(cell) <= CAPS.cell and "\0" not in cell)
            assert cell is None or cell.encode("utf-8") is not None  # no half of a character
