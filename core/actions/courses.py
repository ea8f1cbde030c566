"""CID over training for the runs of a comparison: the paper's Figure 3."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import select

from core.actions.seed_groups import SeedGroup
from core.store.engine import Store
from core.store.tables import Diagnosis, Metric, Run

Source = Literal["diagnoses", "curve"]


@dataclass(frozen=True)
class CoursePoint:
    """CID at one training step; null_lo, null_hi: what chance alone gives there (95 %), None where nobody asked."""

    step: int
    cid: float
    null_lo: float | None
    null_hi: float | None


@dataclass(frozen=True)
class Course:
    """CID of one run, by training step.

    source: "diagnoses" of its checkpoints, or the "curve" that the run measured of itself while it trained, on a few
    fixed probes and without a null. The two are never joined.
    """

    group: str
    run: str
    seed: int
    failed_to_fit: bool
    source: Source
    points: tuple[CoursePoint, ...]


def cid_courses(store: Store, groups: Sequence[SeedGroup]) -> tuple[Course, ...]:
    """Every run's courses, of either source, in the order of the groups; a run without any is left out."""
    ids = [run.id for group in groups for run in group.runs]
    measured: dict[Source, dict[str, list[CoursePoint]]] = {
        "diagnoses": _diagnosed(store, ids),
        "curve": _measured_by_itself(store, ids),
    }
    return tuple(
        _course(group.name, run, source, points[run.id])
        for source, points in measured.items()
        for group in groups
        for run in group.runs
        if run.id in points
    )


def _course(group: str, run: Run, source: Source, points: Iterable[CoursePoint]) -> Course:
    return Course(group, run.name, run.seed, run.failed_to_fit, source, tuple(points))


def _diagnosed(store: Store, ids: Sequence[str]) -> dict[str, list[CoursePoint]]:
    """Of each run the newest diagnosis by gradient cosine at each step, among those measured as its last one was."""
    columns = (Diagnosis.run_id, Diagnosis.step, Diagnosis.cid, Diagnosis.null_low, Diagnosis.null_high)
    statement = (
        select(*columns, Diagnosis.n_probes, Diagnosis.config)
        .where(Diagnosis.run_id.in_(ids), Diagnosis.estimator == "cosine", Diagnosis.cid.is_not(None))
        .order_by(Diagnosis.run_id, Diagnosis.step, Diagnosis.created_at)
    )
    with store.reading() as session:
        rows = session.execute(statement).all()
    found = {}
    for run_id, of_run in groupby(rows, key=lambda row: row.run_id):
        there = list(of_run)
        alike = {row.step: row for row in there if _setting(row) == _setting(there[-1])}
        found[run_id] = [CoursePoint(step, row.cid, row.null_low, row.null_high) for step, row in alike.items()]
    return found


def _setting(row: Any) -> tuple[Any, ...]:
    return row.config.get("probe_source", "train"), row.n_probes


def _measured_by_itself(store: Store, ids: Sequence[str]) -> dict[str, list[CoursePoint]]:
    statement = (
        select(Metric.run_id, Metric.step, Metric.value)
        .where(Metric.run_id.in_(ids), Metric.name == "cid")
        .order_by(Metric.run_id, Metric.step)
    )
    with store.reading() as session:
        rows = session.execute(statement).all()
    return {
        run_id: [CoursePoint(row.step, row.value, None, None) for row in of_run]
        for run_id, of_run in groupby(rows, key=lambda row: row.run_id)
    }
