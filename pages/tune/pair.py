"""A checkpoint and what a treatment made of it: their diagnoses by the same probes, and their evaluations by split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Run
from core.views.diagnoses import SPLITS, Point, points
from pages.parts.diagnosis_data import probe_table

MEASURED = ("estimator", "probes", "probe_source", "seed")
"""The settings of a diagnosis that decide what it asks, and how."""


@dataclass(frozen=True)
class Pair:
    """Before: the checkpoint that a run began with. After: its final model.

    Attributes:
        parent, start: whose checkpoint it was, and which; None where it was deleted.
        before, after: diagnoses. Where both are there they asked the same probes in the same way.
        otherwise: the starting point has diagnoses, but none that was measured as `after` was.
        reports_before, reports_after: split → evaluation.
    """

    run: Run
    end: Checkpoint
    parent: Run | None
    start: Checkpoint | None
    before: Point | None
    after: Point | None
    otherwise: bool = False
    reports_before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reports_after: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def comparable(self) -> bool:
        """Whether the same probes were asked before and after."""
        return self.before is not None and self.after is not None

    @property
    def splits(self) -> list[str]:
        """Those that were evaluated before and after."""
        return [one for one in SPLITS if one in self.reports_before and one in self.reports_after]

    def probes(self) -> pd.DataFrame:
        """One row a probe that both asked: its example, `index` and `cid` of either diagnosis as `…_before`, `…_after`."""
        assert self.before is not None
        assert self.after is not None
        were, are = (probe_table(one.id) for one in (self.before, self.after))
        places = [table.assign(index=range(len(table)), cid=table["cid"].astype(float)) for table in (were, are)]
        return places[1].merge(places[0][["id", "index", "cid"]], on="id", suffixes=("_after", "_before"))


def find_pair(store: Store, run: Run, parent: Run | None) -> Pair | None:
    """What there is of both sides; None where the run has no final model."""
    end = next((one for one in queries.checkpoints(store, run.id) if one.final), None)
    if end is None:
        return None
    start: Checkpoint | None = None
    were: list[Point] = []
    if parent is not None:
        start = next((one for one in queries.checkpoints(store, parent.id) if one.step == run.parent_step), None)
        were = [one for one in points(store, parent.id) if one.step == run.parent_step]
    are = [one for one in points(store, run.id) if one.step == end.step]
    before, after = matched(were, are)
    return Pair(
        run,
        end,
        parent,
        start,
        before,
        after,
        otherwise=before is None and bool(were),
        reports_before=_reports(store, parent, run.parent_step),
        reports_after=_reports(store, run, end.step),
    )


def matched(were: Sequence[Point], are: Sequence[Point]) -> tuple[Point | None, Point | None]:
    """The newest two that were measured alike; without such a pair the newest `after`, or else the newest `before`."""
    for after in sorted(are, key=lambda one: one.created_at, reverse=True):
        alike = [one for one in were if asked_by(one) == asked_by(after)]
        if alike:
            return max(alike, key=lambda one: one.created_at), after
    newest = max(are or were, key=lambda one: one.created_at, default=None)
    return (None, newest) if are else (newest, None)


def asked_by(point: Point) -> tuple[Any, ...]:
    """What a diagnosis asked, and how: equal where the same probes were asked."""
    return (*(point.config.get(name) for name in MEASURED), point.n_probes)


def _reports(store: Store, run: Run | None, step: int | None) -> dict[str, Mapping[str, Any]]:
    if run is None:
        return {}
    return {one.split: one.report for one in queries.evaluations(store, run.id) if one.step == step}
