"""The database: its schema, whether it is whole, and who works for it."""

from collections.abc import Iterator

from core.actions.doctor.finding import Finding
from core.jobs import queue
from core.jobs.version import code_version
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.schema import known_revisions, revision_of
from core.store.trouble import StoreTroubleError

_SHOWN = 20


def schema(store: Store) -> Iterator[Finding]:
    """Whether the database answers, and is of this version."""
    try:
        revision = _revision(store)
    except StoreTroubleError as trouble:
        yield Finding("database", "problem", str(trouble), "Nothing else of the store can be checked until it answers.")
        return
    yield Finding("database", "ok", f"{store.place} answers.")
    newest = known_revisions()[-1]
    if revision is None:
        yield Finding("schema", "note", "The database has no tables yet; the first start makes them.")
    elif revision == newest:
        yield Finding("schema", "ok", f"The tables are those of this version ({revision}).")
    elif revision in known_revisions():
        yield Finding(
            "schema",
            "note",
            f"The tables are of an older version ({revision}; this one has {newest}).",
            "Make a backup. The next start of the dashboard, a worker or any other command brings them up to date.",
        )
    else:
        yield Finding(
            "schema", "problem", f"The tables were made by a newer version ({revision}).", "Update the program."
        )


def is_current(store: Store) -> bool:
    """Whether the tables are those that the code declares."""
    return _revision(store) == known_revisions()[-1]


def _revision(store: Store) -> str | None:
    with store.reading() as session:
        return revision_of(session.connection())


def integrity(store: Store) -> Iterator[Finding]:
    """Whether SQLite's file is whole and its rows refer to rows that are there; PostgreSQL sees to both by itself."""
    if store.engine.dialect.name != "sqlite":
        yield Finding("integrity", "ok", "PostgreSQL checks its files and references itself.")
        return
    try:
        with store.reading() as session:
            said = session.connection().exec_driver_sql("PRAGMA quick_check").scalars().all()
            loose = session.connection().exec_driver_sql("PRAGMA foreign_key_check").all()
    except StoreTroubleError as trouble:
        yield Finding("integrity", "problem", str(trouble), "Restore a backup.")
        return
    if list(said) != ["ok"]:
        yield Finding(
            "integrity",
            "problem",
            f"The file of the database is damaged: {said[0]}.",
            "Stop everything, keep a copy of the file, and restore a backup.",
            tuple(map(str, said[:_SHOWN])),
        )
    elif loose:
        things = tuple(f"{row[0]}, row {row[1]}, refers to {row[2]}" for row in loose[:_SHOWN])
        yield Finding(
            "integrity",
            "problem",
            f"{len(loose)} rows refer to rows that are not there.",
            "Something else has written into the database. Restore a backup, or delete these rows by hand.",
            things,
        )
    else:
        yield Finding("integrity", "ok", "The file of the database is whole, and every reference leads to a row.")


def workers(store: Store, settings: Settings) -> Iterator[Finding]:
    """Who works off the queue."""
    live = queries.live_workers(store)
    if not live:
        if queue.is_waiting(store):
            sentence, cure = "Jobs wait, but no worker is alive.", "Start one: python -m core worker"
            yield Finding("workers", "problem", sentence, cure)
        else:
            yield Finding("workers", "ok", "No worker is alive, and nothing waits for one.")
    for one in live:
        same = one.code_version == code_version()
        yield Finding(
            "workers",
            "ok" if same else "note",
            f"A worker is alive on {one.host} ({one.device})" + ("." if same else ", with other code than this."),
            ""
            if same
            else "It takes the new code by itself where it is the same folder; else update that machine too.",
        )
    silent = queue.hung(store, settings.hung_minutes)
    for job_id, minutes in silent.items():
        yield Finding(
            "workers",
            "problem",
            f"The job {job_id} has reported no progress for {minutes:.0f} minutes.",
            f"See what it printed: python -m core jobs logs {job_id}; it is ended after {settings.hung_end_minutes:g}.",
        )
