"""A consistent copy of the whole store while jobs run.

What is copied when is what makes it consistent:

1. the states from which interrupted runs go on. Everything that a run reports for a step is in the database before the
   state of that step is saved, so a state taken first is never ahead of the rows; what the rows have beyond it, the run
   forgets when it goes on;
2. all rows, as they were in one moment (one reading transaction);
3. the files that those rows name. A file is written once under its name, so it is the one that was meant.

What was deleted between 2 and 3 is told as missing.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import IO

from sqlalchemy import select

from core.actions.states import is_whole_state
from core.jobs.logs import read_log
from core.jobs.version import code_version
from core.store import folders
from core.store.archive import FORMAT, BackupError, Manifest, Writer, is_artifact, writing
from core.store.dump import Row, tables_of, write_rows
from core.store.engine import Store
from core.store.named import paths_in
from core.store.schema import known_revisions, revision_of
from core.store.tables import Run

_TRIES = 5
Tell = Callable[[float, str], None]


@dataclass
class _Named:
    """What the rows name: files, folders of weights, jobs with a log."""

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)


def make_backup(store: Store, target: Path, *, checkpoints: bool = True, tell: Tell) -> Manifest:
    """Write a backup: a tar file where the name ends in .tar, else a folder.

    Args:
        checkpoints: whether weights and the states of running jobs are kept; without them a run that was not done begins
            anew, and diagnoses and evaluations of finished ones can be read but not be repeated.
        tell: called with (progress in 0 … 1, what is done).

    Raises:
        BackupError: it could not be written, or there is no store to copy; nothing is left behind.
    """
    named = _Named()
    missing: list[str] = []
    revision = _revision(store)
    with writing(target) as writer, tempfile.TemporaryDirectory(prefix=".backup-", dir=_beside(target)) as scratch:
        take = _Taker(store, writer, Path(scratch))
        if checkpoints:
            tell(0.0, "states of the jobs that run")
            for run_id in _unfinished(store):
                take.state(run_id)
        tell(0.05, "rows")
        rows = _write_tables(store, writer, Path(scratch), named, checkpoints=checkpoints)
        for number, relative in enumerate(named.files + named.folders):
            tell(0.1 + 0.9 * number / len(named.files + named.folders), relative)
            there = take.file(relative) if number < len(named.files) else take.folder(relative)
            if not there:
                missing.append(relative)
        for job_id in named.jobs:
            take.log(job_id)
        manifest = Manifest(
            format=FORMAT,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            made_by={"code": code_version(), "python": sys.version.split()[0], "sqlalchemy": version("sqlalchemy")},
            schema_revision=revision,
            database=store.engine.dialect.name,
            checkpoints=checkpoints,
            rows=rows,
            files=writer.entries,
            missing=missing,
        )
        writer.finish(manifest)
    return manifest


def _beside(target: Path) -> Path:
    """The folder of the target, where there is room if there is room for the backup."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(
            f"The folder {target.parent} cannot be made ({error.strerror}). Choose another place."
        ) from error
    return target.parent


def _revision(store: Store) -> str:
    with store.reading() as session:
        revision = revision_of(session.connection())
    if revision is None:
        raise BackupError(f"There is nothing to back up: {store.place} has no tables. Check UNCONFOUND_HOME.")
    if revision not in known_revisions():
        raise BackupError(
            f"The database {store.place} was made by a newer version of Unconfound (schema {revision}). Update the program."
        )
    return revision


def _unfinished(store: Store) -> list[str]:
    """Runs that may have a state to go on from."""
    with store.reading() as session:
        return list(session.scalars(select(Run.id).where(Run.status != "done").order_by(Run.id)))


def _write_tables(store: Store, writer: Writer, scratch: Path, named: _Named, *, checkpoints: bool) -> dict[str, int]:
    """All rows of one moment, first beside the backup (a tar file has to know sizes), then into it."""
    rows: dict[str, int] = {}
    with store.reading() as session:
        for table in tables_of(session.connection()):
            path = scratch / f"{table.name}.jsonl"
            noted = _noting(table.name, named, checkpoints=checkpoints)
            with path.open("wb") as out:
                rows[table.name] = write_rows(session.connection(), table, out, noted)
    for name in rows:
        with (scratch / f"{name}.jsonl").open("rb") as handle:
            writer.add(f"tables/{name}.jsonl", handle, os.fstat(handle.fileno()).st_size)
    return rows


def _noting(table: str, named: _Named, *, checkpoints: bool) -> Callable[[Row], Row]:
    """Notes the files that rows of a table name, and takes the weights out of rows whose weights are left out."""

    def note(row: Row) -> Row:
        if table == "jobs":
            named.jobs.append(row["id"])
            named.files.extend(str(path) for path in paths_in([row["payload"], row["result"]]))
        if table == "checkpoints" and row["path"] is not None:
            if not checkpoints:
                return {**row, "path": None, "bytes": 0}
            named.folders.append(row["path"])
        if table in ("datasets", "evaluations", "diagnoses") and row["path"] is not None:
            named.files.append(row["path"])
        return row

    return note


class _Taker:
    """Copies artifacts into a backup, from a folder of this machine or straight from a remote root (not by its cache)."""

    def __init__(self, store: Store, writer: Writer, scratch: Path) -> None:
        self._store, self._artifacts, self._writer, self._scratch = store, store.artifacts, writer, scratch

    def file(self, relative: str) -> bool:
        """Take a file; False where there is none."""
        if not is_artifact(relative):
            return False
        if f"files/{relative}" in self._writer.entries:
            return True
        with self._fetched_file(relative) as path:
            try:
                handle = path.open("rb")
            except OSError:
                return False
            with handle:
                self._writer.add(f"files/{relative}", handle, os.fstat(handle.fileno()).st_size)
        return True

    def folder(self, relative: str) -> bool:
        """Take a folder that never changes once it is there; False where there is none."""
        if not is_artifact(relative):
            return False
        with self._fetched_folder(relative) as folder:
            files = _open_all(folder)
            _take_all(self._writer, f"files/{relative}", files)
        return bool(files)

    def state(self, run_id: str) -> None:
        """Take the state of a run, if it has one. The folder is replaced by a newer one at any time, never changed.

        Files that are open stay readable after they were removed, so what was opened together is one state.
        """
        relative = f"runs/{run_id}/resume"
        if not is_artifact(relative):
            return
        with self._fetched_folder(relative) as folder:
            for _ in range(_TRIES):
                newest = max(folder.glob("step-*"), default=None)
                if newest is None:
                    return
                files = _open_all(newest)
                if is_whole_state(files):
                    _take_all(self._writer, f"states/{relative}/{newest.name}", files)
                    return
                _close(files)

    def log(self, job_id: str) -> None:
        """Take what a job has printed so far."""
        relative = f"jobs/{job_id}.log"
        text, _ = read_log(self._store, job_id)
        if text and is_artifact(relative):
            content = text.encode()
            self._writer.add(f"files/{relative}", BytesIO(content), len(content))

    @contextmanager
    def _fetched_file(self, relative: str) -> Iterator[Path]:
        if self._artifacts.remote is None:
            yield self._artifacts.path(relative)
            return
        here = self._scratch / "fetched"
        try:
            self._artifacts.remote.get(relative, here)
            yield here
        finally:
            here.unlink(missing_ok=True)

    @contextmanager
    def _fetched_folder(self, relative: str) -> Iterator[Path]:
        if self._artifacts.remote is None:
            yield self._artifacts.path(relative)
            return
        here = self._scratch / "folder"
        try:
            folders.fetch(self._artifacts.remote, relative, here)
            yield here
        finally:
            shutil.rmtree(here, ignore_errors=True)


def _open_all(folder: Path) -> dict[str, IO[bytes]]:
    """Every file of a folder, open, by its name below it; none where one vanished meanwhile."""
    files: dict[str, IO[bytes]] = {}
    try:
        for path in sorted(folder.rglob("[!.]*")):
            if path.is_file():
                files[path.relative_to(folder).as_posix()] = path.open("rb")
    except OSError:
        _close(files)
        return {}
    return files


def _take_all(writer: Writer, above: str, files: dict[str, IO[bytes]]) -> None:
    try:
        for name, handle in files.items():
            handle.seek(0)
            writer.add(f"{above}/{name}", handle, os.fstat(handle.fileno()).st_size)
    finally:
        _close(files)


def _close(files: dict[str, IO[bytes]]) -> None:
    for handle in files.values():
        with suppress(OSError):
            handle.close()
