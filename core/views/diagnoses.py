"""What is asked of the store about diagnoses: those of a run as points of a curve, the control's, the accuracy beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from core.store.engine import Store
from core.store.queries import THERE
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Run
from core.views.layer_shares import LayersAt, read_layers

SPLITS = ("dev", "test", "train")


@dataclass(frozen=True, kw_only=True)
class RunChoice:
    """A line of the run picker."""

    id: str
    name: str
    dataset: str
    status: str
    demo: bool
    diagnoses: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """One diagnosis without its probes: what a curve and a picker need."""

    id: str
    run_id: str
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
    created_at: datetime

    @property
    def setting(self) -> tuple[Any, ...]:
        """How it was measured; a curve joins only what was measured alike."""
        return (self.estimator, self.config.get("probe_source", "train"), self.n_probes)


def run_choices(store: Store) -> list[RunChoice]:
    """Every run, newest first, with how many diagnoses it has."""
    counted = select(Diagnosis.run_id, func.count().label("n")).group_by(Diagnosis.run_id).subquery()
    statement = (
        select(
            Run.id,
            Run.name,
            Dataset.name.label("dataset"),
            Run.status,
            Run.demo,
            func.coalesce(counted.c.n, 0).label("diagnoses"),
        )
        .join(Dataset, Dataset.id == Run.dataset_id)
        .outerjoin(counted, counted.c.run_id == Run.id)
        .where(THERE)
        .order_by(Run.created_at.desc(), Run.id)
    )
    with store.reading() as session:
        return [RunChoice(**row) for row in session.execute(statement).mappings()]


def points(store: Store, run_id: str) -> list[Point]:
    """The diagnoses of a run, by step, older before newer."""
    columns = [getattr(Diagnosis, name) for name in Point.__dataclass_fields__]
    statement = select(*columns).where(Diagnosis.run_id == run_id).order_by(Diagnosis.step, Diagnosis.created_at)
    with store.reading() as session:
        return [Point(**row) for row in session.execute(statement).mappings()]


def curve(all_points: Sequence[Point], like: Point) -> list[Point]:
    """The newest diagnosis of each step that was measured as `like` was; `like` itself at its own step."""
    newest = {one.step: one for one in all_points if one.setting == like.setting}
    newest[like.step] = like
    return [newest[step] for step in sorted(newest)]


def layers_along(store: Store, line: Sequence[Point]) -> list[LayersAt]:
    """The layers of the diagnoses of a curve, by step; those that kept none are left out."""
    statement = select(Diagnosis.id, Diagnosis.report["layers"].label("layers")).where(
        Diagnosis.id.in_([one.id for one in line])
    )
    with store.reading() as session:
        kept = {row.id: read_layers(row.layers) for row in session.execute(statement)}
    return [LayersAt(one.step, kept[one.id]) for one in line if kept.get(one.id)]


def control_points(store: Store, run: Run, like: Point) -> tuple[str, list[Point]] | None:
    """The no-spurious control's name and curve: a run with the same encoder on the data set that is this one's control.

    Of several the one with the same method and seed comes first, then the newest.
    """
    statement = (
        select(Run.id, Run.name)
        .join(Dataset, Dataset.id == Run.dataset_id)
        .join(Diagnosis, Diagnosis.run_id == Run.id)
        .where(
            Dataset.control_of == run.dataset_id,
            Run.encoder == run.encoder,
            Diagnosis.estimator == like.estimator,
            Diagnosis.cid.is_not(None),
            THERE,
        )
        .group_by(Run.id)
        .order_by((Run.method != run.method), (Run.seed != run.seed), Run.created_at.desc())
        .limit(1)
    )
    with store.reading() as session:
        found = session.execute(statement).first()
    if found is None:
        return None
    newest = {one.step: one for one in points(store, found.id) if one.estimator == like.estimator}
    return found.name, [newest[step] for step in sorted(newest)]


def accuracy_at(store: Store, run_id: str, step: int) -> tuple[str, dict[str, Any]] | None:
    """The split and report of a run's evaluation at a step: dev before test before train."""
    statement = select(Evaluation.split, Evaluation.report).where(
        Evaluation.run_id == run_id, Evaluation.step == step, Evaluation.split.in_(SPLITS)
    )
    with store.reading() as session:
        reports = {row.split: row.report for row in session.execute(statement)}
    return next(((split, reports[split]) for split in SPLITS if split in reports), None)


def undiagnosed(checkpoints: Sequence[Checkpoint], done: Sequence[Point]) -> list[Checkpoint]:
    """Checkpoints whose weights are kept and that these diagnoses leave out."""
    steps = {one.step for one in done}
    return [one for one in checkpoints if one.path is not None and one.step not in steps]
