"""Files beside the database: parquet for tables, npz for arrays, folders for models.

A file is written under a temporary name, flushed to the disk and then renamed, so a reader sees a whole file or none.
Paths in the database are relative to the root, which may therefore move.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import UserError


class Artifacts:
    """The folder of files that belong to rows of the database."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, relative: str) -> Path:
        """The absolute path of an artifact.

        Raises:
            ValueError: the path would leave the root.
        """
        target = (self.root / relative).resolve()
        if not target.is_relative_to(self.root.resolve()):
            raise ValueError(f"{relative!r} is outside the artifact folder")
        return target

    def write(self, relative: str, fill: Callable[[Path], object]) -> str:
        """Let `fill` write a file under a temporary name, then put it in place whole. Returns `relative`."""
        target = self.path(relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(target) as scratch:
            fill(scratch)
            with scratch.open("rb+") as handle:
                os.fsync(handle.fileno())
            scratch.replace(target)
        return relative

    def write_table(self, relative: str, frame: pd.DataFrame) -> str:
        """Keep a table as parquet."""
        return self.write(relative, lambda path: frame.to_parquet(path, index=False))

    def read_table(self, relative: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Read a table, or only the named columns of it."""
        return pd.read_parquet(self._existing(relative), columns=columns)

    def write_arrays(self, relative: str, arrays: Mapping[str, np.ndarray]) -> str:
        """Keep named arrays as a compressed npz file (never pickled)."""

        def fill(path: Path) -> None:
            with path.open("wb") as handle:
                np.savez_compressed(handle, allow_pickle=False, **arrays)

        return self.write(relative, fill)

    def read_arrays(self, relative: str) -> dict[str, np.ndarray]:
        """Read named arrays; a pickled one is refused."""
        with np.load(self._existing(relative), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def delete(self, relative: str) -> None:
        """Remove a file or a folder; one that is not there is no error."""
        target = self.path(relative)
        if target == self.root.resolve():
            raise ValueError("the whole artifact folder is not an artifact")
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)

    def _existing(self, relative: str) -> Path:
        target = self.path(relative)
        if not target.exists():
            raise UserError(
                f"The file {relative} is missing from the artifact folder. Restore it from a backup, or delete its row."
            )
        return target


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    digest = sha256()
    with path.open("rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    scratch = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)
