"""Taking a checked table into the store."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from core.actions.names import free_name
from core.datasets.caps import Caps
from core.datasets.ingest import read_table
from core.datasets.mapping import ColumnMapping
from core.datasets.prepare import Prepared, prepare
from core.datasets.profile import profile
from core.datasets.samples import SAMPLES, Sample
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, new_id


def caps_of(settings: Settings) -> Caps:
    """The limits on an uploaded file, from the settings."""
    return Caps(
        bytes=settings.max_upload_mb * 1024 * 1024,
        rows=settings.max_rows,
        columns=settings.max_columns,
        cell=settings.max_cell_chars,
    )


def read_files(
    settings: Settings, files: dict[str, Path], names: dict[str, str] | None = None
) -> dict[str, pd.DataFrame]:
    """Parse one file a split, each with its caps; `names` are what people call them.

    Raises:
        DataError: a file is not usable; the message says which, where and what to do.
    """
    return {
        split: read_table(path, name=(names or {}).get(split, path.name), caps=caps_of(settings))
        for split, path in files.items()
    }


def store_dataset(
    store: Store,
    prepared: Prepared,
    mapping: ColumnMapping,
    *,
    name: str | None,
    proposal: str,
    sources: dict[str, Any],
    sample: str | None = None,
    control_of: str | None = None,
) -> Dataset:
    """Keep a prepared table under a name.

    Args:
        proposal: the name to take where none is given, with a number should it be taken.
        sources: where the examples came from, for the record (file names by split).
        control_of: id of the data set of which this is the no-spurious control.

    Raises:
        UserError: the name is taken or not usable; nothing was stored.
    """
    frame = prepared.frame
    row = Dataset(
        id=new_id(),
        name=free_name(store, Dataset, name, proposal),
        sha256=content_hash(frame),
        labels=sorted(frame["label"].unique()),
        confounds=sorted(frame["confound"].unique()),
        mapping=mapping.to_dict(),
        profile=profile(frame),
        sources={**sources, "notes": prepared.notes},
        sample=sample,
        control_of=control_of,
    )
    row.path = store.artifacts.write_table(f"datasets/{row.id}/examples.parquet", frame)
    try:
        with store.writing() as session:
            session.add(row)
    except BaseException:
        store.artifacts.delete(f"datasets/{row.id}")
        raise
    return row


def add_files(
    store: Store,
    settings: Settings,
    *,
    name: str | None,
    files: dict[str, Path],
    mapping: ColumnMapping,
    dev_fraction: float = 0.2,
    seed: int = 2021,
    control_of: str | None = None,
) -> Dataset:
    """Read, check and keep files in one go, as the command line does.

    Raises:
        UserError: anything is wrong with them; nothing was stored.
    """
    prepared = prepare(read_files(settings, files), mapping, dev_fraction=dev_fraction, seed=seed)
    return store_dataset(
        store,
        prepared,
        mapping,
        name=name,
        proposal="data",
        sources={
            "files": {split: path.name for split, path in files.items()},
            "dev_fraction": dev_fraction,
            "seed": seed,
        },
        control_of=control_of,
    )


def add_sample(store: Store, settings: Settings, key: str) -> Dataset:
    """Take a bundled sample into the store, and with a control the sample it belongs to; one that is there is returned."""
    sample: Sample = SAMPLES[key]
    there = queries.find_dataset(store, sample.name)
    if there is not None and there.sample == key:
        return there
    control_of = add_sample(store, settings, sample.control_of).id if sample.control_of else None
    prepared = prepare(
        read_files(settings, sample.files), ColumnMapping(text="text", label="label", confound="confound")
    )
    return store_dataset(
        store,
        prepared,
        ColumnMapping(text="text", label="label", confound="confound"),
        name=None,
        proposal=sample.name,
        sources={"files": {split: path.name for split, path in sample.files.items()}},
        sample=key,
        control_of=control_of,
    )


def content_hash(frame: pd.DataFrame) -> str:
    """SHA-256 of the examples themselves, whatever file they came in: every field of every row, in order."""
    digest = sha256()
    for row in frame[["id", "text", "text_b", "label", "confound", "split"]].itertuples(index=False, name=None):
        for field in row:
            piece = b"\0" if not isinstance(field, str) else b"\1" + field.encode("utf-8", "surrogatepass")
            digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()
