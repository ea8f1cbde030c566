"""An influence matrix on its way out: a page as JSON, or the whole in a format that other tools read.

Nothing here holds a matrix as text: rows are written as they go.
"""

import csv
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

from core.actions.csv_safe import safe_cell
from core.api.text import to_json
from core.store.engine import Store
from core.store.tables import Diagnosis

ROWS = 64
"""Rows that are written at once."""
BLOCK_BYTES = 256 * 1024
_reading = threading.Lock()
"""Many who ask at once for the same large matrix read it once, not each for himself."""


@dataclass(frozen=True)
class Scores:
    """Influence of N training examples on P probes [N, P], with the ids of both and each probe's training row [P]."""

    values: npt.NDArray[Any]
    train_ids: npt.NDArray[np.str_]
    probe_ids: tuple[str, ...]
    probe_rows: npt.NDArray[np.int64]


def read_scores(store: Store, diagnosis: Diagnosis) -> Scores:
    """The matrix of a diagnosis. Do not write to it: it is kept for the next page.

    Raises:
        UserError: its file is missing.
    """
    with _reading:
        arrays = _arrays(store, diagnosis.path)
    probe_ids = tuple(str(probe["id"]) for probe in diagnosis.report["probes"])
    return Scores(arrays["scores"], arrays["train_ids"], probe_ids, arrays["probe_row"].astype(np.int64))


@lru_cache(maxsize=2)
def _arrays(store: Store, path: str) -> dict[str, npt.NDArray[Any]]:
    return store.artifacts.read_arrays(path)  # a file never changes under its name


def json_page(diagnosis: Diagnosis, scores: Scores, limit: int, offset: int) -> Iterator[str]:
    """The rows from `offset` on as one JSON object, a few at a time."""
    n = len(scores.values)
    end = min(n, offset + limit)
    head = {
        "diagnosis": diagnosis.id,
        "n_train": n,
        "n_probes": scores.values.shape[1],
        "next_offset": end if end < n else None,
        "probe_ids": list(scores.probe_ids),
        "probe_rows": scores.probe_rows.tolist(),
        "train_ids": scores.train_ids[offset:end].tolist(),
    }
    yield to_json(head)[:-1] + ',"scores":['
    for start in range(offset, end, ROWS):
        rows = scores.values[start : min(end, start + ROWS)].tolist()
        yield ("," if start > offset else "") + to_json(rows)[1:-1]
    yield "]}"


def as_csv(scores: Scores) -> Iterator[str]:
    """A header with the probes' ids, then a line a training example; ids that look like a formula are made harmless."""
    yield _lines([["train_id", *(safe_cell(one) for one in scores.probe_ids)]])
    for start in range(0, len(scores.values), ROWS):
        rows = scores.values[start : start + ROWS].tolist()
        ids = scores.train_ids[start : start + ROWS].tolist()
        yield _lines([[safe_cell(one), *row] for one, row in zip(ids, rows, strict=True)])


def _lines(rows: Sequence[Sequence[object]]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def as_parquet(scores: Scores) -> Iterator[bytes]:
    """A column `train_id` and one a probe, as float32."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [pa.array(scores.train_ids.tolist())]
    columns += [pa.array(scores.values[:, place].astype(np.float32)) for place in range(scores.values.shape[1])]
    table = pa.Table.from_arrays(columns, names=["train_id", *scores.probe_ids])
    with TemporaryFile() as handle:
        pq.write_table(table, handle)
        handle.seek(0)
        yield from iter(lambda: handle.read(BLOCK_BYTES), b"")


def as_npz(store: Store, diagnosis: Diagnosis) -> Iterator[bytes]:
    """The file as it is kept: `scores`, `train_ids`, `probe_row`."""
    path = store.artifacts.fetch(diagnosis.path)
    handle = path.open("rb")

    def blocks() -> Iterator[bytes]:
        with handle:
            yield from iter(lambda: handle.read(BLOCK_BYTES), b"")

    return blocks()
