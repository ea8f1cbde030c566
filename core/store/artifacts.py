"""Files beside the database: parquet for tables, npz for arrays, folders for models.

A file is written under a temporary name, flushed to the disk and then renamed, so a reader sees a whole file or none.
Paths in the database are relative to the root, which may therefore move.

The root is a folder, or a remote one (S3 and the like) with a folder here that holds what was lately used of it. Then
what is written is at the root before it is here, and so before a row names it; what is read is fetched when it is not
here. A file never changes under its name; folders do, and are compared with the root's at every fetch.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.errors import UserError
from core.store import cache, folders
from core.store.remote import ArtifactTroubleError, Remote
from core.system.files import remove, replace

if TYPE_CHECKING:  # the worker and most commands are spared it
    import pandas as pd

TRIM_SECONDS = 60.0


class _AbsentError(Exception):
    """The remote root has no such file."""


class Artifacts:
    """The files that belong to rows of the database.

    root: the folder that holds them, or where there is a `remote` root, its cache.
    """

    def __init__(self, root: Path, remote: Remote | None = None) -> None:
        self.root = root
        self.remote = remote
        self._trimmed_at = 0.0

    def path(self, relative: str) -> Path:
        """The absolute path of an artifact here; of a remote root it may have to be fetched first.

        Raises:
            ValueError: the path would leave the root.
        """
        target = (self.root / relative).resolve()
        if not target.is_relative_to(self.root.resolve()):
            raise ValueError(f"{relative!r} is outside the artifact folder")
        return target

    def fetch(self, relative: str) -> Path:
        """The path of a file that is there.

        Raises:
            UserError: it is missing, or the remote root does not answer.
        """
        target = self.path(relative)
        if self.remote is not None:
            if target.exists():
                cache.used(target)
            else:
                self._get(self.remote, target)
        if not target.exists():
            raise UserError(
                f"The file {relative} is missing from the artifact folder. Restore it from a backup, or delete its row."
            )
        return target

    def fetch_folder(self, relative: str) -> Path:
        """The path of a folder, as the remote root has it; it may be that there is none.

        Raises:
            ArtifactTroubleError: the remote root does not answer.
        """
        target = self.path(relative)
        if self.remote is not None:
            folders.fetch(self.remote, self._key(target), target)
            self._trim(self.remote)
        return target

    def push_folder(self, relative: str) -> None:
        """See to it that a remote root has a folder as it is here.

        Raises:
            ArtifactTroubleError: the remote root does not answer; it keeps the folder as it was.
        """
        target = self.path(relative)
        if self.remote is not None:
            folders.send(self.remote, target, self._key(target))
            self._trim(self.remote)

    def write(self, relative: str, fill: Callable[[Path], object]) -> str:
        """Let `fill` write a file under a temporary name, then put it in place whole. Returns `relative`.

        Raises:
            ArtifactTroubleError: the remote root does not answer; nothing is in place.
        """
        target = self.path(relative)
        with whole_file(target) as scratch:
            fill(scratch)
            if self.remote is not None:
                self.remote.put(scratch, self._key(target))
        if self.remote is not None:
            self._trim(self.remote)
        return relative

    def write_table(self, relative: str, frame: "pd.DataFrame") -> str:
        """Keep a table as parquet."""
        return self.write(relative, lambda path: frame.to_parquet(path, index=False))

    def read_table(self, relative: str, columns: list[str] | None = None) -> "pd.DataFrame":
        """Read a table, or only the named columns of it."""
        import pandas as pd

        return pd.read_parquet(self.fetch(relative), columns=columns)

    def write_arrays(self, relative: str, arrays: Mapping[str, np.ndarray]) -> str:
        """Keep named arrays as a compressed npz file (never pickled)."""

        def fill(path: Path) -> None:
            with path.open("wb") as handle:
                np.savez_compressed(handle, allow_pickle=False, **arrays)

        return self.write(relative, fill)

    def read_arrays(self, relative: str) -> dict[str, np.ndarray]:
        """Read named arrays; a pickled one is refused."""
        with np.load(self.fetch(relative), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def delete(self, relative: str) -> None:
        """Remove a file or a folder; one that is not there is no error.

        Raises:
            ArtifactTroubleError: the remote root does not answer; what is left there belongs to nothing.
        """
        target = self.path(relative)
        if target == self.root.resolve():
            raise ValueError("the whole artifact folder is not an artifact")
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            remove(target)
        if self.remote is not None:
            try:
                self.remote.remove(self._key(target))
            except ArtifactTroubleError as trouble:
                raise ArtifactTroubleError(
                    f"{trouble} What lies there below {relative} belongs to nothing any more: remove it by hand."
                ) from None

    def _get(self, remote: Remote, target: Path) -> None:
        with suppress(_AbsentError), whole_file(target) as scratch:
            if not remote.get(self._key(target), scratch):
                raise _AbsentError
        self._trim(remote)

    def _key(self, target: Path) -> str:
        return target.relative_to(self.root.resolve()).as_posix()

    def _trim(self, remote: Remote) -> None:
        if time.monotonic() - self._trimmed_at >= TRIM_SECONDS:
            cache.trim(self.root, remote.keep_bytes)
            self._trimmed_at = time.monotonic()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    digest = sha256()
    with path.open("rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path to write a file to; when all went well it is flushed to the disk and takes the place of `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        yield scratch
        with scratch.open("rb+") as handle:
            os.fsync(handle.fileno())
        replace(scratch, target)
    finally:
        scratch.unlink(missing_ok=True)
