"""From the paper's CSV files to the examples of a run."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.actions.datasets import content_hash
from core.datasets.ingest import read_table
from core.datasets.mapping import SPLITS, ColumnMapping
from core.datasets.prepare import prepare
from core.errors import UserError


@dataclass(frozen=True)
class Data:
    """The examples of every split that has a file, and the hash by which a run names them."""

    frame: pd.DataFrame
    sha256: str

    @property
    def splits(self) -> dict[str, int]:
        """Split → rows."""
        counts = self.frame["split"].value_counts()
        return {split: int(counts[split]) for split in SPLITS if split in counts}


def load(folder: Path, stem: str) -> Data:
    """Read `<stem>_train.csv` and, where they are, `_dev` and `_test`; columns text, label, confound.

    Raises:
        UserError: no training file, or a file that is not usable.
    """
    files = {split: path for split in SPLITS if (path := folder / f"{stem}_{split}.csv").is_file()}
    if "train" not in files:
        raise UserError(f"There is no {stem}_train.csv in {folder}. Name the folder of the paper's data with --data.")
    tables = {split: read_table(path) for split, path in files.items()}
    frame = prepare(tables, ColumnMapping(text="text", label="label", confound="confound")).frame
    return Data(frame, content_hash(frame))
