"""The job that trains a run: the store's examples in, metrics, checkpoints and evaluations out."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.errors import UserError
from core.jobs.ranks import team, tell
from core.jobs.reporter import Reporter, StoppedError
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Evaluation, Metric, Round, Run, new_id
from core.training import recorder
from core.training.config import TrainConfig
from core.training.device import choose_machine, versions
from core.training.evaluation import Evaluation as Measured
from core.training.trainer import train as fit


def train(reporter: Reporter) -> dict[str, Any]:
    """Train, or go on training, the run of the job. Returns its name and how many steps it took."""
    store = reporter.store
    run = queries.get_run(store, str(reporter.job.run_id), even_deleted=True)
    config = TrainConfig.of(run.config)
    folder = store.artifacts.path(f"runs/{run.id}")
    folder.mkdir(parents=True, exist_ok=True)
    store.artifacts.fetch_folder(state_of(run.id))  # from another machine, if that was the last to save one
    with team(reporter.settings.ranks) as ranks:
        _note(reporter, run.id, device=ranks.title(choose_machine(config).title), versions=versions())
        arguments = tell(
            ranks,
            "train",
            config=config,
            frame=queries.examples(store, queries.get_dataset(store, run.dataset_id)),
            folder=folder,
            start=start_of(store, run),
            allowed_roots=reporter.settings.local_models,
            max_parameters=reporter.settings.max_parameters,
        )
        result = fit(recorder=RunRecorder(reporter, run.id), ranks=ranks, **arguments)
    _note(reporter, run.id, seconds=result.seconds, steps=result.steps, failed_to_fit=result.failed_to_fit)
    if result.status == "stopped":
        raise StoppedError
    return {"run": run.name, "steps": result.steps, "failed_to_fit": result.failed_to_fit}


def start_of(store: Store, run: Run) -> Path | None:
    """The weights of the checkpoint that a run by hand goes on from; None for a run that begins with its encoder."""
    if run.parent_step is None:
        return None
    if run.parent_id is None:
        raise UserError(
            "The run that this one goes on from has been deleted, and its weights with it. Start a new run."
        )
    parent = queries.get_run(store, run.parent_id, even_deleted=True)
    checkpoint = queries.get_checkpoint(store, parent, run.parent_step)
    if checkpoint.path is None:
        raise UserError(
            f"The weights of {parent.name!r} at step {run.parent_step} are not kept. Start from another one."
        )
    return store.artifacts.fetch_folder(checkpoint.path)


def state_of(run_id: str) -> str:
    """The artifact from which an interrupted run goes on."""
    return f"runs/{run_id}/resume"


class RunRecorder(recorder.Recorder):
    """Writes what the trainer tells into the store, gathered by the reporter."""

    def __init__(self, reporter: Reporter, run_id: str) -> None:
        self._reporter = reporter
        self._run_id = run_id

    def rewind(self, step: int, tuning_step: int) -> None:
        """Forget what came after a step."""
        tuning = Metric.name.startswith("round_", autoescape=True)

        def write(session: Session) -> None:
            mine = Metric.run_id == self._run_id
            session.execute(delete(Metric).where(mine, ~tuning, Metric.step > step))
            session.execute(delete(Metric).where(mine, tuning, Metric.step > tuning_step))
            session.execute(delete(Round).where(Round.run_id == self._run_id, Round.last > tuning_step))
            for table in (Checkpoint, Evaluation):
                session.execute(delete(table).where(table.run_id == self._run_id, table.step > step))

        self._reporter.write(write)

    def progress(self, step: int, total: int, message: str) -> None:
        """Report the steps done; where there are none left to do, only the evaluation is."""
        self._reporter.tell(step / total if total else 1.0, message)

    def metrics(self, rows: Sequence[recorder.Metric]) -> None:
        """Keep a batch of numbers; one that is there already takes the new value."""
        values = [{"run_id": self._run_id, "step": row.step, "name": row.name, "value": row.value} for row in rows]

        def write(session: Session) -> None:
            insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
            new = insert(Metric).values(values)
            session.execute(
                new.on_conflict_do_update(index_elements=["run_id", "name", "step"], set_={"value": new.excluded.value})
            )

        self._reporter.later(write)

    def round(self, report: recorder.RoundReport) -> None:
        """Keep what a round did."""
        row = Round(
            run_id=self._run_id,
            number=report.number,
            step=report.step,
            first=report.first,
            last=report.last,
            kind=report.kind,
            report=asdict(report),
        )

        def write(session: Session) -> None:
            session.execute(delete(Round).where(Round.run_id == self._run_id, Round.number == report.number))
            session.add(row)

        self._reporter.write(write)

    def flush(self) -> None:
        """See to it that everything is in the database."""
        self._reporter.flush()

    def checkpoint(self, step: int, epoch: float, folder: Path, *, final: bool) -> None:
        """Keep where a model was saved."""
        artifacts = self._reporter.store.artifacts
        path = folder.resolve().relative_to(artifacts.root.resolve()).as_posix()
        self._reporter.patiently(lambda: artifacts.push_folder(path))
        row = Checkpoint(
            run_id=self._run_id,
            step=step,
            epoch=epoch,
            final=final,
            path=path,
            bytes=sum(file.stat().st_size for file in folder.rglob("[!.]*") if file.is_file()),
        )

        def write(session: Session) -> None:
            session.execute(delete(Checkpoint).where(Checkpoint.run_id == self._run_id, Checkpoint.step == step))
            session.add(row)

        self._reporter.write(write)

    def evaluation(self, step: int, split: str, evaluation: Measured) -> None:
        """Keep a split's report and every prediction of it."""
        store = self._reporter.store
        row = self._reporter.patiently(lambda: evaluation_row(store, self._run_id, step, split, evaluation))

        def write(session: Session) -> None:
            same = (Evaluation.run_id == self._run_id, Evaluation.step == step, Evaluation.split == split)
            session.execute(delete(Evaluation).where(*same))
            session.add(row)

        self._reporter.write(write)

    def state_saved(self) -> None:
        """Send the state to a remote root, so that another machine can go on from it."""
        artifacts = self._reporter.store.artifacts
        self._reporter.patiently(lambda: artifacts.push_folder(state_of(self._run_id)))

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


def _note(reporter: Reporter, run_id: str, **values: Any) -> None:
    """Write into the row of the run, as long as the job is this process's."""
    reporter.write(lambda session: session.execute(update(Run).where(Run.id == run_id).values(**values)))
