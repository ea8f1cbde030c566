"""The precomputed demo: a few runs on a bundled sample with their metrics, predictions and influence matrices, but no weights.

`python -m core.actions.demo RUN …` writes `data/demo` from runs of a store; a new, empty store reads it back.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from core.settings import PROJECT, get_settings
from core.store import queries
from core.store.engine import Store, open_store, take_turn
from core.store.tables import Base, Checkpoint, Dataset, Diagnosis, Evaluation, Metric, Round, Run, UtcTime

FOLDER = PROJECT / "data" / "demo"
_TABLES: dict[str, type[Base]] = {
    table.__tablename__: table for table in (Dataset, Run, Metric, Checkpoint, Round, Evaluation, Diagnosis)
}


def add_demo(store: Store, folder: Path = FOLDER) -> bool:
    """Put the demo into a store that has no data set yet. Returns whether it did."""
    manifest = folder / "demo.json"
    if not manifest.exists():
        return False
    with store.reading() as session:
        if session.scalars(select(Dataset.id).limit(1)).first() is not None:
            return False
    content = json.loads(manifest.read_text(encoding="utf-8"))
    for relative in content["files"]:
        store.artifacts.write(relative, partial(_copy, folder / "files" / relative))
    with store.writing() as session:
        take_turn(session)
        if session.scalars(select(Dataset.id).limit(1)).first() is not None:
            return False
        for name, rows in content["tables"].items():
            session.add_all(_TABLES[name](**_revived(_TABLES[name], row)) for row in rows)
            session.flush()
    return True


def export_demo(store: Store, runs: Sequence[Run], folder: Path = FOLDER) -> None:
    """Write runs, their data sets and everything measured of them to a folder, without weights."""
    ids = [run.id for run in runs]
    datasets = {run.dataset_id for run in runs}
    with store.reading() as session:
        tables: dict[str, list[Any]] = {
            "datasets": list(
                session.scalars(select(Dataset).where(Dataset.id.in_(datasets)).order_by(Dataset.created_at))
            ),
            "runs": list(runs),
        }
        for table in (Metric, Checkpoint, Round, Evaluation, Diagnosis):
            rows = session.scalars(
                select(table).where(table.run_id.in_(ids)).order_by(table.run_id, table.step, table.id)
            )
            tables[table.__tablename__] = list(rows)
    plain = {name: [_plain(row) for row in rows] for name, rows in tables.items()}
    for row in plain["runs"]:
        row["demo"] = True
        row["group"] = None
    for row in plain["metrics"]:
        del row["id"]
    for row in plain["checkpoints"]:
        row["path"], row["bytes"] = None, 0
    files = [row["path"] for name in ("datasets", "evaluations", "diagnoses") for row in plain[name] if row["path"]]
    for relative in files:
        target = folder / "files" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if relative.endswith(".npz"):
            arrays = store.artifacts.read_arrays(relative)
            arrays["scores"] = arrays["scores"].astype(np.float16)  # 3 decimals are enough to draw and halve the size
            with target.open("wb") as handle:
                np.savez_compressed(handle, allow_pickle=False, **arrays)
        else:
            _copy(store.artifacts.fetch(relative), target)
    text = json.dumps({"tables": plain, "files": files}, ensure_ascii=False, separators=(",", ":"))
    (folder / "demo.json").write_text(text + "\n", encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def _plain(row: Base) -> dict[str, Any]:
    values = {column.key: getattr(row, column.key) for column in type(row).__table__.columns}
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}


def _revived(table: type[Base], row: dict[str, Any]) -> dict[str, Any]:
    moments = {column.key for column in table.__table__.columns if isinstance(column.type, UtcTime)}
    return {
        key: datetime.fromisoformat(value).astimezone(UTC) if key in moments and value is not None else value
        for key, value in row.items()
    }


if __name__ == "__main__":
    here = open_store(get_settings())
    export_demo(here, [queries.get_run(here, name) for name in sys.argv[1:]])
