"""The job that trains a run: the store's examples in, metrics, checkpoints and evaluations out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from core.jobs.reporter import Reporter, StoppedError
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Evaluation, Metric, Run, new_id
from core.training import recorder
from core.training.config import TrainConfig
from core.training.device import choose_machine, versions
from core.training.evaluation import Evaluation as Measured
from core.training.trainer import train as fit


def train(reporter: Reporter) -> dict[str, Any]:
    """Train, or go on training, the run of the job. Returns its name and how many steps it took."""
    store = reporter.store
    run = queries.get_run(store, str(reporter.job.run_id))
    config = TrainConfig.of(run.config)
    _note(store, run.id, device=choose_machine(config).title, versions=versions())
    folder = store.artifacts.path(f"runs/{run.id}")
    folder.mkdir(parents=True, exist_ok=True)
    result = fit(
        config,
        queries.examples(store, queries.get_dataset(store, run.dataset_id)),
        folder,
        RunRecorder(reporter, run.id),
        allowed_roots=reporter.settings.local_models,
    )
    _note(store, run.id, seconds=result.seconds, steps=result.steps, failed_to_fit=result.failed_to_fit)
    if result.status == "stopped":
        raise StoppedError
    return {"run": run.name, "steps": result.steps, "failed_to_fit": result.failed_to_fit}


class RunRecorder(recorder.Recorder):
    """Writes what the trainer tells into the store, gathered by the reporter."""

    def __init__(self, reporter: Reporter, run_id: str) -> None:
        self._reporter = reporter
        self._run_id = run_id

    def rewind(self, step: int) -> None:
        """Forget what came after a step."""

        def write(session: Session) -> None:
            for table in (Metric, Checkpoint, Evaluation):
                session.execute(delete(table).where(table.run_id == self._run_id, table.step > step))

        self._reporter.write(write)

    def progress(self, step: int, total: int, message: str) -> None:
        """Report the label steps done."""
        self._reporter.tell(step / max(total, 1), message)

    def metrics(self, rows: Sequence[recorder.Metric]) -> None:
        """Keep a batch of numbers."""
        values = [{"run_id": self._run_id, "step": row.step, "name": row.name, "value": row.value} for row in rows]
        self._reporter.later(lambda session: session.execute(insert(Metric), values))

    def checkpoint(self, step: int, epoch: float, folder: Path, *, final: bool) -> None:
        """Keep where a model was saved."""
        root = self._reporter.store.artifacts.root.resolve()
        row = Checkpoint(
            run_id=self._run_id,
            step=step,
            epoch=epoch,
            final=final,
            path=folder.resolve().relative_to(root).as_posix(),
            bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        )

        def write(session: Session) -> None:
            session.execute(delete(Checkpoint).where(Checkpoint.run_id == self._run_id, Checkpoint.step == step))
            session.add(row)

        self._reporter.write(write)

    def evaluation(self, step: int, split: str, evaluation: Measured) -> None:
        """Keep a split's report and every prediction of it."""
        row = evaluation_row(self._reporter.store, self._run_id, step, split, evaluation)

        def write(session: Session) -> None:
            same = (Evaluation.run_id == self._run_id, Evaluation.step == step, Evaluation.split == split)
            session.execute(delete(Evaluation).where(*same))
            session.add(row)

        self._reporter.write(write)

    def note(self, sentence: str) -> None:
        """A line in the job's log."""
        print(sentence, flush=True)

    def should_stop(self) -> bool:
        """Whether somebody asked the run to stop."""
        return self._reporter.should_stop()


def evaluation_row(store: Store, run_id: str, step: int, split: str, evaluation: Measured) -> Evaluation:
    """Keep the predictions as a file and make the row that names it."""
    row_id = new_id()
    path = store.artifacts.write_table(f"runs/{run_id}/evaluations/{row_id}.parquet", evaluation.predictions)
    report = evaluation.report
    return Evaluation(
        id=row_id,
        run_id=run_id,
        step=step,
        split=split,
        n=report["n"],
        accuracy=report["accuracy"],
        worst_cell=report["worst_cell"],
        report=report,
        path=path,
    )


def _note(store: Store, run_id: str, **values: Any) -> None:
    with store.writing() as session:
        run = session.get_one(Run, run_id)
        for name, value in values.items():
            setattr(run, name, value)
