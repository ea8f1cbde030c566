"""Files and rows: which file is missing, which belongs to nobody, which was never finished.

A file is written before its row, so only what has lain there for an hour counts as nobody's, and nothing of a run that a job
works on. What nobody names is put aside, never deleted: should the database be the wrong one, it can be put back.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from core.actions.doctor.finding import Finding
from core.settings import Settings
from core.store.engine import Store
from core.store.named import paths_in
from core.store.queries import ENDED
from core.store.remote import ArtifactTroubleError
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Job, Run

SETTLED_SECONDS = 3600.0
_SHOWN = 20
_HALF = (".part", ".old", ".gone")


@dataclass(frozen=True)
class _Rows:
    """What the rows name. used: files and folders by path; folders: those of them that are folders; above: the places
    of data sets, runs and logs; busy: runs that a job works on; done: runs that need no state any more."""

    used: frozenset[str]
    folders: frozenset[str]
    above: frozenset[str]
    busy: frozenset[str]
    done: frozenset[str]


def check(store: Store, settings: Settings, *, mend: bool) -> Iterator[Finding]:
    """Compare what is there with what the rows name."""
    rows = _rows(store)
    root = store.artifacts.root
    if store.artifacts.remote is not None:
        try:
            there = set(store.artifacts.remote.keys())
        except ArtifactTroubleError as trouble:
            yield Finding("files", "problem", str(trouble), "Nothing was compared.")
            return
    else:
        there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    yield _missing(rows, there)
    if store.artifacts.remote is not None:
        orphans = sorted({one for name in there if (one := _orphan(name, rows)) is not None})
        yield _told("orphans", orphans, "They lie at a remote root, which may be shared: remove them there by hand.")
        return
    settled = time.time() - SETTLED_SECONDS
    made = sorted({one for name in there if (one := _half(name)) is not None})
    half = [name for name in made if _changed(root / name) < settled and not _is_busy(name, rows)]
    orphans = sorted({one for name in there if _half(name) is None and (one := _orphan(name, rows)) is not None})
    orphans = [name for name in orphans if _changed(root / name) < settled]
    if mend and orphans and not rows.above:
        yield _told(
            "orphans",
            orphans,
            "The database is empty, so it may be the wrong one: nothing was put aside. Check the settings.",
        )
    elif mend and orphans:
        aside = settings.home.resolve() / "orphans" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        _put_aside(root, orphans, aside)
        sentence = f"{len(orphans)} files and folders that no row names were put aside."
        yield Finding("orphans", "note", sentence, f"Look into {aside} and delete it.", tuple(orphans[:_SHOWN]))
    else:
        yield _told("orphans", orphans, "Put them aside: python -m core doctor --mend")
    if mend and half:
        for name in half:
            shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink(missing_ok=True)
        yield Finding("half-written", "note", f"{len(half)} half-written files were removed.", "", tuple(half[:_SHOWN]))
    elif half:
        sentence = f"{len(half)} half-written files were left behind by a crash. They are never read."
        yield Finding(
            "half-written", "note", sentence, "Remove them: python -m core doctor --mend", tuple(half[:_SHOWN])
        )
    else:
        yield Finding("half-written", "ok", "Nothing half-written was left behind.")


def _rows(store: Store) -> _Rows:
    with store.reading() as session:
        single = [
            *session.scalars(select(Dataset.path)),
            *session.scalars(select(Evaluation.path).where(Evaluation.path.is_not(None))),
            *session.scalars(select(Diagnosis.path)),
        ]
        jobs = session.execute(select(Job.id, Job.run_id, Job.status, Job.payload, Job.result)).all()
        single += [str(path) for job in jobs for path in paths_in([job.payload, job.result])]
        folders = session.scalars(select(Checkpoint.path).where(Checkpoint.path.is_not(None))).all()
        runs = session.execute(select(Run.id, Run.status)).all()
        datasets = session.scalars(select(Dataset.id)).all()
    above = {f"datasets/{one}" for one in datasets} | {f"runs/{run.id}" for run in runs}
    return _Rows(
        used=frozenset(str(one) for one in (*single, *folders)),
        folders=frozenset(map(str, folders)),
        above=frozenset(above | {f"jobs/{job.id}.log" for job in jobs}),
        busy=frozenset(str(job.run_id) for job in jobs if job.status not in ENDED),
        done=frozenset(run.id for run in runs if run.status == "done"),
    )


def _missing(rows: _Rows, there: set[str]) -> Finding:
    folders = {name.rpartition("/")[0] for name in there if name.endswith("/model.safetensors")}
    # At a remote root the files of a folder lie below a version.
    whole = folders | {name.rpartition("/")[0] for name in folders}
    missing = sorted(one for one in rows.used if one not in (whole if one in rows.folders else there))
    if not missing:
        return Finding("files", "ok", f"Every file that a row names is there ({len(rows.used):,}).")
    return Finding(
        "files",
        "problem",
        f"{len(missing)} files that rows name are missing.",
        "Put them back from a backup. What they belong to cannot be shown in full; other runs are not touched by it.",
        tuple(missing[:_SHOWN]),
    )


def _orphan(name: str, rows: _Rows) -> str | None:
    """What of a file belongs to nobody: the whole folder above it where its data set or run is gone, else itself."""
    parts = name.split("/")
    if parts[0] not in ("datasets", "runs", "jobs") or len(parts) < 2 or parts[1].startswith("."):
        return None
    above = "/".join(parts[:2])
    if above not in rows.above:
        return above
    if parts[0] != "runs" or parts[1] in rows.busy or len(parts) < 4:
        return None
    if parts[2] == "checkpoints":
        folder = "/".join(parts[:4])
        return None if folder in rows.used else folder
    if parts[2] == "resume":
        return "/".join(parts[:3]) if parts[1] in rows.done else None
    return name if parts[2] in ("evaluations", "diagnoses", "files") and name not in rows.used else None


def _half(name: str) -> str | None:
    """The part of a path that is a file or folder in the making."""
    parts = name.split("/")
    for number, part in enumerate(parts):
        if part.startswith(".") and part.endswith(_HALF):
            return "/".join(parts[: number + 1])
    return None


def _is_busy(name: str, rows: _Rows) -> bool:
    parts = name.split("/")
    return parts[0] == "runs" and len(parts) > 1 and parts[1] in rows.busy


def _changed(path: Path) -> float:
    """When anything in it was last changed."""
    times = [0.0]
    for one in (path, *path.rglob("*")):
        with suppress(OSError):
            times.append(one.stat().st_mtime)
    return max(times)


def _told(check: str, names: Iterable[str], cure: str) -> Finding:
    some = list(names)
    if not some:
        return Finding(check, "ok", "Every file belongs to a row.")
    sentence = f"{len(some)} files and folders are named by no row, and only take up space."
    return Finding(check, "note", sentence, cure, tuple(some[:_SHOWN]))


def _put_aside(root: Path, names: Iterable[str], aside: Path) -> None:
    for name in names:
        target = aside / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(root / name, target)
