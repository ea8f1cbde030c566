"""Questions to the store. Each is one statement or a few, reads only the columns it returns, and takes a name or an id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from core.errors import NotFoundError, UserError
from core.store.clock import moment
from core.store.engine import Store
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Job, Metric, Round, Run, Worker

if TYPE_CHECKING:  # the worker and most commands are spared it
    import pandas as pd

WORKER_SILENT_SECONDS = 20.0
SPARK_POINTS = 24
NOTE_SHOWN = 160
Row = TypeVar("Row")

ENDED = ("done", "failed", "cancelled")
THERE = Run.deleted_at.is_(None)
"""Of runs: not deleted. Every question that lists or finds runs asks for it."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A line of the run list: what the run is, and the newest of its key numbers."""

    id: str
    name: str
    dataset_id: str
    dataset: str
    method: str
    encoder: str
    seed: int
    group: str | None
    status: str
    failed_to_fit: bool
    created_at: datetime
    seconds: float | None
    demo: bool
    accuracy: float | None
    worst_cell: float | None
    floor: float | None
    split: str | None
    cid: float | None
    verdict: str | None
    sentence: str | None
    diagnosis: str | None
    note: str
    owner: str | None = None


# --- data sets ---


def list_datasets(store: Store, *, limit: int | None = None, offset: int | None = None) -> Sequence[Dataset]:
    """Every data set, newest first."""
    statement = select(Dataset).order_by(Dataset.created_at.desc(), Dataset.id).limit(limit).offset(offset)
    with store.reading() as session:
        return session.scalars(statement).all()


def get_dataset(store: Store, name: str) -> Dataset:
    """One data set by name or id."""
    with store.reading() as session:
        found = session.scalars(select(Dataset).where(or_(Dataset.name == name, Dataset.id == name))).first()
    if found is None:
        raise NotFoundError(f"There is no data set {name!r}. List them with: python -m core dataset list")
    return found


def find_dataset(store: Store, name: str) -> Dataset | None:
    """One data set by its exact name, or nothing."""
    with store.reading() as session:
        return session.scalars(select(Dataset).where(Dataset.name == name)).first()


def examples(
    store: Store, dataset: Dataset, split: str | None = None, columns: list[str] | None = None
) -> "pd.DataFrame":
    """The examples of a data set, or of one of its splits, in their order. Index 0 … n-1 within what is returned."""
    wanted = None if columns is None else list(dict.fromkeys([*columns, "split"]))
    frame = store.artifacts.read_table(dataset.path, wanted)
    if split is not None:
        frame = frame[frame["split"] == split]
    return frame[columns or list(frame.columns)].reset_index(drop=True)


# --- runs ---


def get_run(store: Store, name: str, *, even_deleted: bool = False) -> Run:
    """One run by name or id. even_deleted: for a job, which sees its run to the end, and for a child of the run."""
    statement = select(Run).where(or_(Run.name == name, Run.id == name))
    with store.reading() as session:
        found = session.scalars(statement if even_deleted else statement.where(THERE)).first()
    if found is None:
        raise NotFoundError(f"There is no run {name!r}. List them with: python -m core run list")
    return found


def deleted_runs(store: Store) -> Sequence[Run]:
    """Runs that are deleted and can still be brought back, the last deleted first."""
    with store.reading() as session:
        return session.scalars(select(Run).where(~THERE).order_by(Run.deleted_at.desc(), Run.id)).all()


def parent_of(store: Store, run: Run) -> Run | None:
    """The run that this one goes on from; nothing where there is none or it was deleted."""
    if run.parent_id is None:
        return None
    with store.reading() as session:
        return session.scalars(select(Run).where(Run.id == run.parent_id, THERE)).first()


def find_run(store: Store, name: str) -> Run | None:
    """One run by its exact name, or nothing."""
    with store.reading() as session:
        return session.scalars(select(Run).where(Run.name == name, THERE)).first()


def list_runs(
    store: Store,
    *,
    dataset_id: str | None = None,
    group: str | None = None,
    method: str | None = None,
    status: str | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> list[RunRow]:
    """Runs, newest first, each with its last evaluation (dev before test before train) and its last diagnosis.

    Args:
        dataset_id, group, method, status: only runs that have this; all where not given.
    """
    # The newest by step; of one step's splits the one that sorts first: 'dev' < 'test' < 'train'.
    # An evaluated file ('file:…') is not the run's own accuracy.
    ranked = (
        select(
            Evaluation.run_id,
            Evaluation.accuracy,
            Evaluation.worst_cell,
            Evaluation.split,
            Evaluation.report["confound_only_floor"].as_float().label("floor"),
            func.row_number()
            .over(partition_by=Evaluation.run_id, order_by=(Evaluation.split, Evaluation.step.desc()))
            .label("rank"),
        )
        .where(Evaluation.split.in_(("dev", "test", "train")))
        .subquery()
    )
    diagnosed = select(
        Diagnosis.id,
        Diagnosis.run_id,
        Diagnosis.cid,
        Diagnosis.verdict,
        Diagnosis.sentence,
        func.row_number()
        .over(partition_by=Diagnosis.run_id, order_by=(Diagnosis.step.desc(), Diagnosis.created_at.desc()))
        .label("rank"),
    ).subquery()
    statement = (
        select(
            Run.id,
            Run.name,
            Run.dataset_id,
            Dataset.name.label("dataset"),
            Run.method,
            Run.encoder,
            Run.seed,
            Run.group,
            Run.status,
            Run.failed_to_fit,
            Run.created_at,
            Run.seconds,
            Run.demo,
            ranked.c.accuracy,
            ranked.c.worst_cell,
            ranked.c.floor,
            ranked.c.split,
            diagnosed.c.cid,
            diagnosed.c.verdict,
            diagnosed.c.sentence,
            diagnosed.c.id.label("diagnosis"),
            func.substr(Run.note, 1, NOTE_SHOWN).label("note"),
            Run.owner,
        )
        .join(Dataset, Dataset.id == Run.dataset_id)
        .outerjoin(ranked, and_(ranked.c.run_id == Run.id, ranked.c.rank == 1))
        .outerjoin(diagnosed, and_(diagnosed.c.run_id == Run.id, diagnosed.c.rank == 1))
        .where(THERE)
        .order_by(Run.created_at.desc(), Run.id)
        .limit(limit)
        .offset(offset)
    )
    wanted = {Run.dataset_id: dataset_id, Run.group: group, Run.method: method, Run.status: status}
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(column == value)
    with store.reading() as session:
        return [RunRow(**row) for row in session.execute(statement).mappings()]


def runs_noting(store: Store, words: str) -> set[str]:
    """Ids of the runs whose note has these words, whatever their case."""
    with store.reading() as session:
        return set(session.scalars(select(Run.id).where(THERE, Run.note.icontains(words, autoescape=True))))


def sparks(store: Store, run_ids: Sequence[str]) -> dict[str, tuple[str, list[float]]]:
    """The course of each run in at most `SPARK_POINTS` numbers, thinned by the database: ("cid", values) where CID was
    measured more than one time, in training or by diagnoses, else ("accuracy", accuracy on dev). Others are left out.
    """
    part = func.ntile(SPARK_POINTS).over(partition_by=(Metric.run_id, Metric.name), order_by=Metric.step).label("part")
    numbers = (
        select(Metric.run_id, Metric.name, Metric.value, part)
        .where(Metric.run_id.in_(run_ids), Metric.name.in_(("cid", "dev_accuracy")))
        .subquery()
    )
    thinned = (
        select(numbers.c.run_id, numbers.c.name, func.avg(numbers.c.value))
        .group_by(numbers.c.run_id, numbers.c.name, numbers.c.part)
        .order_by(numbers.c.run_id, numbers.c.name, numbers.c.part)
    )
    measured = (
        select(Diagnosis.run_id, Diagnosis.cid)
        .where(Diagnosis.run_id.in_(run_ids), Diagnosis.estimator == "cosine", Diagnosis.cid.is_not(None))
        .order_by(Diagnosis.run_id, Diagnosis.step, Diagnosis.created_at)
    )
    found: dict[tuple[str, str], list[float]] = {}
    with store.reading() as session:
        for run_id, name, value in session.execute(thinned):
            found.setdefault((run_id, name), []).append(value)
        for run_id, cid in session.execute(measured):
            found.setdefault((run_id, "diagnosed"), []).append(float(cid or 0.0))
    kinds = (("cid", "cid"), ("diagnosed", "cid"), ("dev_accuracy", "accuracy"))
    courses = {}
    for run_id in run_ids:
        several = ((told, found.get((run_id, name), [])) for name, told in kinds)
        course = next(((told, values[-SPARK_POINTS:]) for told, values in several if len(values) > 1), None)
        if course is not None:
            courses[run_id] = course
    return courses


def metrics(
    store: Store,
    run_id: str,
    names: Sequence[str] | None = None,
    *,
    limit: int | None = None,
    offset: int | None = None,
) -> "pd.DataFrame":
    """Columns name, step, value, ordered by name and step."""
    statement = select(Metric.name, Metric.step, Metric.value).where(Metric.run_id == run_id)
    if names is not None:
        statement = statement.where(Metric.name.in_(names))
    with store.reading() as session:
        rows = session.execute(statement.order_by(Metric.name, Metric.step).limit(limit).offset(offset)).all()
    import pandas as pd

    return pd.DataFrame([tuple(row) for row in rows], columns=["name", "step", "value"])


def checkpoints(store: Store, run_id: str) -> Sequence[Checkpoint]:
    """Checkpoints of a run, by step."""
    return _by_step(store, select(Checkpoint).where(Checkpoint.run_id == run_id).order_by(Checkpoint.step))


def get_checkpoint(store: Store, run: Run, which: str | int = "final") -> Checkpoint:
    """The checkpoint of a run at a step, or its last (`final`)."""
    there = checkpoints(store, run.id)
    if not there:
        raise UserError(
            f"The run {run.name!r} has no checkpoint yet (status: {run.status}). Wait until it has trained."
        )
    if str(which) == "final":
        found = next((one for one in there if one.final), None)
        if found is None:
            raise UserError(
                f"The run {run.name!r} has not finished (status: {run.status}). It has checkpoints at steps "
                f"{', '.join(str(one.step) for one in there)}: name one of these."
            )
        return found
    for one in there:
        if str(one.step) == str(which):
            return one
    steps = ", ".join(str(one.step) for one in there)
    raise UserError(f"The run {run.name!r} has no checkpoint at step {which!r}. It has: final, {steps}.")


def evaluations(store: Store, run_id: str) -> Sequence[Evaluation]:
    """Evaluations of a run, by step and split."""
    return _by_step(
        store, select(Evaluation).where(Evaluation.run_id == run_id).order_by(Evaluation.step, Evaluation.split)
    )


def diagnoses(store: Store, run_id: str) -> Sequence[Diagnosis]:
    """Diagnoses of a run, by step, older before newer."""
    return _by_step(
        store, select(Diagnosis).where(Diagnosis.run_id == run_id).order_by(Diagnosis.step, Diagnosis.created_at)
    )


@dataclass(frozen=True, kw_only=True)
class DiagnosisRow:
    """A line of the list of diagnoses, without its probes."""

    id: str
    run: str
    step: int
    estimator: str
    config: dict[str, Any]
    n_probes: int
    n_train: int
    cid: float | None
    ci_low: float | None
    ci_high: float | None
    null_low: float | None
    null_high: float | None
    p_value: float | None
    verdict: str
    sentence: str
    device: str | None
    seconds: float
    created_at: datetime


def list_diagnoses(
    store: Store, *, run_id: str | None = None, limit: int | None = None, offset: int | None = None
) -> list[DiagnosisRow]:
    """Diagnoses, newest first, of all runs or of one."""
    columns = [getattr(Diagnosis, name) for name in DiagnosisRow.__dataclass_fields__ if name != "run"]
    statement = (
        select(Run.name.label("run"), *columns)
        .join(Run, Run.id == Diagnosis.run_id)
        .where(THERE)
        .order_by(Diagnosis.created_at.desc(), Diagnosis.id)
        .limit(limit)
        .offset(offset)
    )
    if run_id is not None:
        statement = statement.where(Diagnosis.run_id == run_id)
    with store.reading() as session:
        return [DiagnosisRow(**row) for row in session.execute(statement).mappings()]


def get_diagnosis(store: Store, diagnosis_id: str) -> Diagnosis:
    """One diagnosis by its id."""
    with store.reading() as session:
        found = session.scalars(
            select(Diagnosis).join(Run, Run.id == Diagnosis.run_id).where(Diagnosis.id == diagnosis_id, THERE)
        ).first()
    if found is None:
        raise NotFoundError(f"There is no diagnosis {diagnosis_id!r}. It may have been deleted with its run.")
    return found


def control_of(store: Store, dataset_id: str) -> Dataset | None:
    """The newest no-spurious control of a data set, or nothing."""
    statement = select(Dataset).where(Dataset.control_of == dataset_id).order_by(Dataset.created_at.desc())
    with store.reading() as session:
        return session.scalars(statement.limit(1)).first()


def runs_of_group(store: Store, group: str) -> Sequence[Run]:
    """The runs of a seed group, by seed, older before newer; none where there is no such group."""
    with store.reading() as session:
        return session.scalars(select(Run).where(Run.group == group, THERE).order_by(Run.seed, Run.created_at)).all()


def runs_of_method(store: Store, dataset_id: str, method: str) -> Sequence[Run]:
    """Every run of a data set by a method, older before newer."""
    statement = select(Run).where(Run.dataset_id == dataset_id, Run.method == method, THERE).order_by(Run.created_at)
    with store.reading() as session:
        return session.scalars(statement).all()


def _by_step(store: Store, statement: Select[Row]) -> Sequence[Row]:
    with store.reading() as session:
        return session.scalars(statement).all()


# --- rounds ---


def rounds(store: Store, run_ids: Sequence[str]) -> Sequence[Round]:
    """Tuning rounds of some runs, by run and number."""
    return _by_step(store, select(Round).where(Round.run_id.in_(run_ids)).order_by(Round.run_id, Round.number))


def family(store: Store, run: Run) -> Sequence[Run]:
    """Every run of the tree of rounds that this one belongs to, older before newer: one statement up, one down.

    Deleted runs are left out, and still hold the tree together as long as they can be brought back.
    """
    above = select(Run.id, Run.parent_id).where(Run.id == run.id).cte("above", recursive=True)
    older = aliased(Run)
    above = above.union(select(older.id, older.parent_id).join(above, older.id == above.c.parent_id))
    with store.reading() as session:
        ancestors = {row.id: row.parent_id for row in session.execute(select(above.c.id, above.c.parent_id))}
        root = next(one for one, parent in ancestors.items() if parent not in ancestors)
        below = select(Run.id).where(Run.id == root).cte("below", recursive=True)
        younger = aliased(Run)
        below = below.union(select(younger.id).join(below, younger.parent_id == below.c.id))
        members = select(Run).where(Run.id.in_(select(below.c.id)), THERE).order_by(Run.created_at, Run.id)
        return session.scalars(members).all()


# --- jobs ---


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """A line of the queue, with the name of the run it works on."""

    id: str
    kind: str
    run_id: str | None
    run: str | None
    status: str
    progress: float
    message: str
    device: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    error: str | None
    owner: str | None = None
    run_owner: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED


def list_jobs(
    store: Store,
    *,
    active: bool = False,
    run_id: str | None = None,
    job_id: str | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> list[JobRow]:
    """Jobs, newest first; `active` leaves out those that have ended. Of a deleted run only those that
    still stop are told, unless one is asked for by its id.
    """
    statement = (
        select(
            Job.id,
            Job.kind,
            Job.run_id,
            func.coalesce(Run.deleted_name, Run.name).label("run"),
            Job.status,
            Job.progress,
            Job.message,
            Job.device,
            Job.created_at,
            Job.started_at,
            Job.finished_at,
            Job.cancel_requested_at.is_not(None).label("cancel_requested"),
            Job.error,
            Job.owner,
            Run.owner.label("run_owner"),
        )
        .outerjoin(Run, Run.id == Job.run_id)
        .order_by(Job.created_at.desc(), Job.id)
        .limit(limit)
        .offset(offset)
    )
    if active:
        statement = statement.where(Job.status.not_in(ENDED))
    if run_id is not None:
        statement = statement.where(Job.run_id == run_id)
    statement = statement.where(or_(THERE, Job.status.not_in(ENDED)) if job_id is None else Job.id == job_id)
    with store.reading() as session:
        return [JobRow(**row) for row in session.execute(statement).mappings()]


def get_job(store: Store, job_id: str) -> Job:
    """One job by its id."""
    with store.reading() as session:
        found = session.get(Job, job_id)
    if found is None:
        raise NotFoundError(f"There is no job {job_id!r}. List them with: python -m core jobs list")
    return found


def live_workers(store: Store) -> list[Worker]:
    """Workers that have given a sign of life lately."""
    with store.reading() as session:
        there = session.scalars(select(Worker).where(Worker.stopped_at.is_(None)).order_by(Worker.started_at)).all()
        now = moment(session)
    return [one for one in there if (now - one.heartbeat_at).total_seconds() < WORKER_SILENT_SECONDS]


def counts(store: Store) -> dict[str, Any]:
    """How many data sets, runs, diagnoses, and jobs by status there are."""
    with store.reading() as session:
        counted = {
            "datasets": select(func.count()).select_from(Dataset),
            "runs": select(func.count()).select_from(Run).where(THERE),
            "diagnoses": select(func.count()).select_from(Diagnosis).join(Run, Run.id == Diagnosis.run_id).where(THERE),
        }
        totals = {name: session.scalar(statement) for name, statement in counted.items()}
        by_status = session.execute(select(Job.status, func.count().label("n")).group_by(Job.status)).all()
    return {**totals, "jobs": {row.status: row.n for row in by_status}}
