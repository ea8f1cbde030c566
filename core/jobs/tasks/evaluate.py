"""The job that evaluates a run on a labelled file."""

from typing import Any

from sqlalchemy import delete

from core.encoders.loading import load_saved
from core.jobs.reporter import Reporter
from core.jobs.tasks.train import evaluation_row
from core.statistics.accuracy import aligned_labels
from core.store import queries
from core.store.tables import Evaluation
from core.training.config import TrainConfig
from core.training.device import choose_machine
from core.training.evaluation import evaluate as measure


def evaluate(reporter: Reporter) -> dict[str, Any]:
    """Evaluate the final checkpoint on the examples that the job names. Returns the split's report."""
    store = reporter.store
    run = queries.get_run(store, str(reporter.job.run_id), even_deleted=True)
    config = TrainConfig.of(run.config)
    checkpoint = queries.get_checkpoint(store, run, "final")
    reporter.progress(0.0, "loading the model")
    model, tokenizer = load_saved(store.artifacts.fetch_folder(str(checkpoint.path)))
    model.to(choose_machine(config).device)
    frame = store.artifacts.read_table(str(reporter.job.payload["path"]))
    train = queries.examples(store, queries.get_dataset(store, run.dataset_id), "train", ["label", "confound"])
    reporter.progress(0.1, f"predicting {len(frame):,} examples")
    found = measure(
        model, tokenizer, frame, max_length=config.max_length, aligned=aligned_labels(train["label"], train["confound"])
    )
    split = str(reporter.job.payload["split"])
    row = reporter.patiently(lambda: evaluation_row(store, run.id, checkpoint.step, split, found))

    def write(session: Any) -> None:
        same = (Evaluation.run_id == run.id, Evaluation.step == checkpoint.step, Evaluation.split == split)
        session.execute(delete(Evaluation).where(*same))
        session.add(row)

    reporter.write(write)
    return {
        "evaluation": {
            "run": run.name,
            "checkpoint": checkpoint.step,
            "file": split.removeprefix("file:"),
            **found.report,
        }
    }
