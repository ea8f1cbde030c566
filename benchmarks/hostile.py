"""How long each hostile upload is worked on before it is refused, through the limited process and with the default caps.

    python -m benchmarks.hostile            prints the table
    python -m benchmarks.hostile --save     writes benchmarks/results/hostile-files.md, too

The exit code is 1 if a file raised anything but a sentence, or took longer than LONGEST_SECONDS.
"""

import argparse
import gzip
import io
import json
import pickle
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import machine
from core.actions.datasets import caps_of
from core.datasets.caps import Caps
from core.datasets.errors import DataError
from core.datasets.ingest import read_table
from core.settings import Settings

RESULT = Path(__file__).parent / "results" / "hostile-files.md"
LONGEST_SECONDS = 65.0
"""A file that is not refused by what it holds is by the clock, at 60 seconds."""
GOOD = b"text,label,confound\nhello,a,x\nworld,b,y\n"


@dataclass(frozen=True)
class Outcome:
    """What became of a file."""

    what: str
    size: int
    seconds: float
    answer: str
    good: bool


class _Bomb:
    """Runs a command when it is unpickled, if anybody does."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return print, ("a pickle was loaded",)


def _parquet(**columns: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def _dictionary(rows: int, text: str) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), [text])


def _zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", content)
    return out.getvalue()


def files() -> Iterator[tuple[str, str, bytes]]:
    """(what it is, under which name it comes, its bytes), one after the other: together they would fill the memory."""
    mega = 2**20
    equal = b",".join([b"a"] * 30_000)
    yield "header of 30,000 equal names", "a.csv", equal + b"\n" + equal + b"\n"
    yield "header of 30,000 names, as JSON keys", "a.jsonl", json.dumps({str(i): 1 for i in range(30_000)}).encode()
    yield "one object with 30,000 equal keys", "a.jsonl", b"{" + b",".join([b'"a":1'] * 30_000) + b"}"
    yield "10,000,000 commas in one line", "a.csv", b"a,b\n" + b"," * 10_000_000 + b"\n"
    yield "one line of 50 MB", "a.csv", b"text,label\n" + b"x" * 50_000_000 + b",a\n"
    yield "one line of 50 MB, no header", "a.csv", b"x" * 50_000_000
    yield "50 MB inside one quoted cell of short lines", "a.csv", b'text,label\n"' + b"words and more\n" * 3_300_000
    yield "a quote that is never closed, 20 MB", "a.csv", b'text,label\n"open,a\n' + b"x,b\n" * 5_000_000
    yield "only quotes, 20 MB", "a.csv", b"text,label\n" + b'"' * 20_000_000
    yield "quotes and line breaks in turn, 20 MB, as TSV", "a.tsv", b"text\tlabel\n" + b'"\n' * 10_000_000
    yield "100 MB of empty lines", "a.csv", b"\n" * (100 * mega)
    yield "20,000,000 rows of one letter", "a.csv", b"a,b\n" + b"x,y\n" * 20_000_000
    yield "NULs, 20 MB", "a.csv", bytes(20_000_000)
    yield "a NUL at the end of 20 MB", "a.csv", b"text,label\n" + b"some words,a\n" * 1_500_000 + b"\0,b\n"
    yield (
        "Latin-1 in the last line of 20 MB",
        "a.csv",
        b"text,label\n" + b"some words,a\n" * 1_500_000 + "café,b\n".encode("latin-1"),
    )
    yield "UTF-8, then UTF-16", "a.csv", GOOD + GOOD.decode().encode("utf-16")
    yield "UTF-16 with half characters", "a.csv", b"\xff\xfe" + b"\x00\xd8" * 5_000_000
    yield "JSON arrays 10,000,000 deep", "a.json", b"[" * 10_000_000
    yield "JSON objects 2,000,000 deep", "a.jsonl", b'{"a":' * 2_000_000
    yield "one JSON number of 20,000,000 digits", "a.jsonl", b'{"a": ' + b"9" * 20_000_000 + b"}"
    yield "one JSON text of 50 MB of escapes", "a.jsonl", b'{"a": "' + b"\\u0061" * 8_300_000 + b'"}'
    yield "1,500,000 JSON objects in one line", "a.json", b"[" + b",".join([b'{"a":1}'] * 1_500_000) + b"]"
    yield "Parquet: 1 kB that unfolds to 18 GB", "a.parquet", _parquet(text=_dictionary(200_000, "x" * 90_000))
    yield "Parquet: one cell of 300 MB", "a.parquet", _parquet(text=["x" * 300_000_000])
    yield "Parquet: 1,000,001 rows of nothing", "a.parquet", _parquet(text=pa.nulls(1_000_001), b=pa.nulls(1_000_001))
    yield "Parquet: 5,000 columns", "a.parquet", _parquet(**{f"c{i}": ["x"] for i in range(5_000)})
    yield "Parquet: footer of noise", "a.parquet", b"PAR1" + b"\xff" * 1_000_000 + b"\x40\x42\x0f\x00PAR1"
    yield "zip bomb (1 GB of zeros) named .csv", "a.csv", _zipped(bytes(10**9))
    yield "gzip bomb (1 GB of zeros) named .csv", "a.csv", gzip.compress(bytes(10**9), 6)
    yield "pickle that runs a command, named .csv", "a.csv", pickle.dumps(_Bomb(), 4)
    yield "pickle of protocol 0, named .tsv", "a.tsv", pickle.dumps(_Bomb(), 0)
    yield "20 MB of pickle opcodes", "a.csv", b"N0" * 10_000_000 + b"."


def attack(what: str, name: str, data: bytes, caps: Caps) -> Outcome:
    """Read one file as an upload is read."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        path = Path(folder, "upload")
        path.write_bytes(data)
        began = time.perf_counter()
        try:
            frame = read_table(path, name=name, caps=caps)
            answer, good = f"read: {len(frame):,} rows × {frame.shape[1]} columns", True
        except DataError as error:
            answer, good = str(error).removeprefix(f"{name}: "), True
        except Exception as error:  # noqa: BLE001 - what must never happen is what is looked for
            answer, good = f"{type(error).__name__}: {error}", False
        seconds = time.perf_counter() - began
    return Outcome(what, len(data), seconds, answer, good and seconds < LONGEST_SECONDS)


def table(outcomes: list[Outcome]) -> str:
    """As Markdown."""
    lines = [
        "# Hostile uploads",
        "",
        f"`python -m benchmarks.hostile --save` on {_machine()}. Each file is read as an upload is: in a process of its own, "
        "with the default caps (200 MiB, 1,000,000 rows, 200 columns, 10,000,000 cells, 100,000 characters a cell, 60 s, 2 GiB).",
        "",
        "| file | size | until the answer | answer |",
        "|---|---:|---:|---|",
    ]
    for one in outcomes:
        answer = one.answer.replace("|", "\\|")
        lines.append(f"| {one.what} | {_size(one.size)} | {one.seconds:.2f} s | {answer:.170} |")
    slowest = max(outcomes, key=lambda one: one.seconds)
    lines += ["", f"Slowest: {slowest.what}, {slowest.seconds:.1f} s. Not one raised anything but a sentence."]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    found = machine()
    return f"{found['processor']}, {found['cores']} cores, Python {found['python']}"


def _size(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e5 else f"{number / 1e3:.1f} kB"


def main() -> int:
    """Attack with every file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    caps = caps_of(Settings())
    outcomes = []
    for what, name, data in files():
        outcomes.append(attack(what, name, data, caps))
        print(f"{outcomes[-1].seconds:6.2f} s  {what}: {outcomes[-1].answer:.120}", file=sys.stderr, flush=True)
    bad = [one for one in outcomes if not one.good]
    if bad:
        print("\n".join(f"NOT GOOD: {one.what}: {one.answer}" for one in bad), file=sys.stderr)
        return 1
    if options.save:
        RESULT.write_text(table(outcomes), encoding="utf-8")
    print(table(outcomes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
