"""Trying a run on a labelled file that was no part of its data set."""

from hashlib import sha256
from pathlib import Path

from core.actions.datasets import caps_of
from core.datasets.ingest import read_table
from core.datasets.mapping import ColumnMapping
from core.datasets.prepare import prepare_held_out
from core.errors import UserError
from core.jobs.launch import ensure_worker
from core.jobs.queue import submit
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Job, Run, new_id


def start_evaluation(store: Store, settings: Settings, run: Run, file: str | Path, name: str | None = None) -> Job:
    """Queue the evaluation of a run's final checkpoint on a file with the columns of the run's data set.

    Args:
        name: what people call the file; its own name when not given.

    Raises:
        UserError: the file is not usable, or the run has no final checkpoint with weights; nothing was queued.
    """
    path = Path(file)
    name = name or path.name
    checkpoint = queries.get_checkpoint(store, run, "final")
    if checkpoint.path is None:
        raise UserError(
            f"The weights of {run.name!r} are not kept, so it cannot be evaluated. Train a run of your own."
        )
    dataset = queries.get_dataset(store, run.dataset_id)
    table = read_table(path, name=name, caps=caps_of(settings))
    prepared = prepare_held_out(table, ColumnMapping.from_dict(dataset.mapping), labels=dataset.labels, name=name)
    examples = store.artifacts.write_table(f"runs/{run.id}/files/{new_id()}.parquet", prepared.frame)
    split = f"file:{name[:60]}:{sha256(path.read_bytes()).hexdigest()[:8]}"
    with store.writing() as session:
        job = submit(
            session, "evaluate", {"path": examples, "split": split}, run_id=run.id, max_queue=settings.max_queue
        )
    ensure_worker(settings)
    return job
