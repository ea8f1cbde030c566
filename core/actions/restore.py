"""A store from a backup: verified whole before anything is changed, and there whole or not at all.

Files are put in place first, since a file without a row harms nobody; then all rows come in one transaction, with the
schema that they were saved with, and are migrated to today's within it.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import Connection, func, inspect, select, text, update
from sqlalchemy.exc import DataError as ColumnError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.actions.demo import FOLDER as DEMO
from core.errors import UserError
from core.jobs import queue
from core.jobs.locks import ray_lock, supervisor_lock, try_lock, watched
from core.settings import MEBI, Settings
from core.store import queries
from core.store.archive import Archive, BackupError, Manifest, is_artifact, reading
from core.store.clock import moment
from core.store.dump import Row, load_rows, read_rows, tables_of
from core.store.engine import Store, take_turn
from core.store.migrate import upgrade_to
from core.store.named import paths_in
from core.store.schema import known_revisions, revision_of
from core.store.tables import Dataset, Job, Run, Worker

Tell = Callable[[float, str], None]
_COUNTED = (Dataset, Run, Job)


@dataclass(frozen=True)
class Restored:
    """What came back; requeued: jobs that ran when the backup was made and wait to go on; removed: what was there before."""

    manifest: Manifest
    requeued: int
    removed: dict[str, int]


def restore_backup(store: Store, settings: Settings, place: Path, *, force: bool = False, tell: Tell) -> Restored:
    """Make the store the one of a backup. Only the demo may be in it, unless `force`, which removes what is there for good.

    Raises:
        UserError: the backup is damaged, hostile or of a newer version; the store is not empty or in use; there is too
            little room. Nothing was changed.
    """
    with reading(place) as archive, _alone(store, settings):
        if archive.manifest.schema_revision not in known_revisions():
            raise BackupError(
                f"{place} was made by a newer version of Unconfound (schema {archive.manifest.schema_revision!r:.60}). "
                "Update the program."
            )
        there = contents(store)
        if there and not force:
            listed = ", ".join(f"{number} in {name}" for name, number in there.items())
            raise UserError(
                f"The store {store.place} is not empty ({listed}), and a backup is not mixed with what is there. Restore it "
                "into an empty store (another UNCONFOUND_HOME or database), or use --force, which removes all of that for good."
            )
        _check_room(archive, settings)
        archive.verify(lambda share, what: tell(0.5 * share, what))
        old = _own_folders(store)
        _place_files(store, archive, lambda share, what: tell(0.5 + 0.4 * share, what))
        tell(0.9, "rows")
        try:
            with store.writing() as session:
                take_turn(session)
                requeued = _load(session, archive)
                kept = _folders(session)
                unfinished = session.scalars(select(Run.id).where(Run.status != "done")).all()
        except (IntegrityError, ColumnError) as error:
            why = (str(error.orig).splitlines() or [""])[0]
            raise BackupError(
                f"The rows of {place} do not fit together or into this database ({why:.200}). No row was changed."
            ) from None
        saved = {name.split("/")[2] for name in archive.names("states")}
        # A state that lay here before may be ahead of the rows, which a run that goes on from it would never make up for.
        stale = {f"runs/{run_id}/resume" for run_id in unfinished if run_id not in saved}
        for relative in sorted(stale | (old - kept)):
            store.artifacts.delete(relative)
    return Restored(archive.manifest, requeued, there)


def contents(store: Store) -> dict[str, int]:
    """How many rows of people's own there are, by table; the demo's do not count."""
    demo = _demo_ids()
    found = {}
    with store.reading() as session:
        names = set(inspect(session.connection()).get_table_names())
        for table in _COUNTED:
            if table.__tablename__ in names:
                statement = select(func.count()).select_from(table).where(table.id.not_in(demo))
                found[table.__tablename__] = session.scalar(statement) or 0
    return {name: number for name, number in found.items() if number}


def _demo_ids() -> list[str]:
    manifest = DEMO / "demo.json"
    if not manifest.exists():
        return []
    tables = json.loads(manifest.read_text(encoding="utf-8"))["tables"]
    return [row["id"] for name in ("datasets", "runs") for row in tables[name]]


@contextmanager
def _alone(store: Store, settings: Settings) -> Iterator[None]:
    """No worker and no dashboard uses the store meanwhile.

    Raises:
        UserError: one does.
    """
    home = settings.home.resolve()
    used = "is in use: a {} looks after it. Stop the dashboard and the workers, then restore."
    with ExitStack() as held:
        if watched(home):
            raise UserError(f"The store {store.place} {used.format('dashboard')}")
        for lock in (supervisor_lock(home), ray_lock(home)):
            if not try_lock(lock):
                raise UserError(f"The store {store.place} {used.format('worker')}")
            held.callback(lock.release)
        with store.reading() as session:
            known = revision_of(session.connection()) in known_revisions()[-1:]
        if known and (workers := queries.live_workers(store)):
            raise UserError(f"The store {store.place} {used.format(f'worker on {workers[0].host}')}")
        yield


def _check_room(archive: Archive, settings: Settings) -> None:
    place = settings.artifacts
    while not place.exists():
        place = place.parent
    free, needed = psutil.disk_usage(str(place)).free, archive.size
    if free < needed:
        raise BackupError(
            f"The backup unfolds to {needed // MEBI:,} MiB, and {free // MEBI:,} MiB are free at {place}. Free some space."
        )


def _place_files(store: Store, archive: Archive, tell: Tell) -> None:
    """Every artifact under its name, checked once more on its way; folders are sent to a remote root whole."""
    names = archive.names("files") + archive.names("states")
    sent: dict[str, None] = {}
    for number, name in enumerate(names):
        relative = name.partition("/")[2]
        tell(number / len(names), relative)
        above = _folder_of(relative)
        if above is None and relative.startswith("jobs/") and store.artifacts.remote is not None:
            with archive.open(name) as handle:
                store.artifacts.remote.write(f"{relative}/restored", handle.read())
        elif above is None:
            store.artifacts.write(relative, lambda path, name=name: _copy(archive, name, path))  # type: ignore[misc]
        else:
            target = store.artifacts.path(relative)
            if above not in sent:
                shutil.rmtree(store.artifacts.path(above), ignore_errors=True)
            sent[above] = None
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(archive, name, target)
    for above in sent:
        store.artifacts.push_folder(above)


def _folder_of(relative: str) -> str | None:
    """The folder that an artifact is a part of: runs/<id>/checkpoints/<step> or runs/<id>/resume."""
    parts = relative.split("/")
    if parts[0] == "runs" and parts[2] in ("checkpoints", "resume"):
        return "/".join(parts[: 4 if parts[2] == "checkpoints" else 3])
    return None


def _copy(archive: Archive, name: str, target: Path) -> None:
    with archive.open(name) as handle, target.open("wb") as out:
        archive.check(name, out.write, handle)


def _load(session: Session, archive: Archive) -> int:
    """All rows in place of what is there. Returns how many jobs go back into the queue."""
    connection = session.connection()
    _drop(connection)
    upgrade_to(connection, archive.manifest.schema_revision)
    tables = tables_of(connection)
    for table in tables:
        name = f"tables/{table.name}.jsonl"
        if name not in archive.manifest.files:
            raise BackupError(f"{archive.place} is damaged: it has no table {table.name}. Use another backup.")
        with archive.open(name) as handle:
            number = load_rows(connection, table, (_checked(row) for row in read_rows(handle, table.name)))
        if number != archive.manifest.rows.get(table.name):
            raise BackupError(
                f"{archive.place} is damaged: the table {table.name} has {number} rows. Use another backup."
            )
    upgrade_to(connection, "head")
    session.execute(update(Worker).where(Worker.stopped_at.is_(None)).values(stopped_at=moment(session)))
    return queue.interrupted(session, "it was running when the backup was made")


def _checked(row: Row) -> Row:
    """A row whose path, if it has one, stays within the artifacts."""
    for path in paths_in(row):
        if not is_artifact(path):
            raise BackupError(f"A row of the backup names {path!r:.100}, which is no artifact. The backup is refused.")
    return row


def _drop(connection: Connection) -> None:
    for table in reversed(tables_of(connection)):
        table.drop(connection)
    if inspect(connection).has_table("alembic_version"):
        connection.execute(text("DROP TABLE alembic_version"))


def _own_folders(store: Store) -> set[str]:
    """Folders and logs of the rows that are there, none where there are no tables."""
    with store.reading() as session:
        there = set(inspect(session.connection()).get_table_names())
        return _folders(session) if there >= {table.__tablename__ for table in _COUNTED} else set()


def _folders(session: Session) -> set[str]:
    folders = {f"datasets/{one}" for one in session.scalars(select(Dataset.id))}
    folders |= {f"runs/{one}" for one in session.scalars(select(Run.id))}
    return folders | {f"jobs/{one}.log" for one in session.scalars(select(Job.id))}
