"""One probe's two histograms, binned here so that a page never bins."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.statistics.arrays import Bools, Floats, Values
from core.statistics.design import arrange, check_scores
from core.statistics.errors import StatisticsError

ECDF_POINTS = 200


@dataclass(frozen=True)
class Group:
    """One of the two groups. `density` integrates to 1 over the shared bins; an empty group has zeros and no mean.

    `ecdf_x`, `ecdf_y`: points (score, share of the group at or below it), at most ECDF_POINTS, ends included.
    """

    n: int
    mean: float | None
    counts: list[int]
    density: list[float]
    ecdf_x: list[float]
    ecdf_y: list[float]


@dataclass(frozen=True)
class ProbeHistogram:
    """A: same label, same confound (without the probe itself). B: same label, another confound value.

    `edges` [bins + 1] are shared. `bin_of_row` [N] is the bin of each training row, −1 for rows in neither group;
    `in_a` [N] tells the groups apart.
    """

    edges: list[float]
    a: Group
    b: Group
    bin_of_row: npt.NDArray[np.int32]
    in_a: Bools

    def rows(self, bin_number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Training rows of A and of B that fall into one bin."""
        here = self.bin_of_row == bin_number
        return np.flatnonzero(here & self.in_a), np.flatnonzero(here & ~self.in_a)


def probe_histogram(
    scores: npt.NDArray[Any],
    train_label: Values,
    train_confound: Values,
    probe_label: str,
    probe_confound: str,
    probe_row: int = -1,
    *,
    bins: int = 40,
) -> ProbeHistogram:
    """Bin one probe's scores [N] into equal bins from the smallest to the largest score of A and B together.

    A bin holds its lower edge; the last one holds both. Raises StatisticsError as `cid_report` does, for `bins` < 1,
    and if the probe has neither group.
    """
    if bins < 1:
        raise StatisticsError(f"{bins} bins were asked for. Choose at least 1.")
    design = arrange(train_label, train_confound, [probe_label], [probe_confound], [probe_row])
    column = check_scores(np.asarray(scores)[:, None], design)[:, 0].astype(np.float64)  # [N]
    in_a, in_b = design.masks(0)
    either = in_a | in_b
    if not either.any():
        raise StatisticsError(f"No other training example is labelled {probe_label}, so there is nothing to draw.")
    edges = np.histogram_bin_edges(column[either], bins=bins)  # [bins + 1]
    place = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, bins - 1)  # [N]
    return ProbeHistogram(
        edges=edges.tolist(),
        a=_group(column[in_a], place[in_a], edges),
        b=_group(column[in_b], place[in_b], edges),
        bin_of_row=np.where(either, place, -1).astype(np.int32),
        in_a=in_a,
    )


def _group(values: Floats, place: npt.NDArray[Any], edges: Floats) -> Group:
    counts = np.bincount(place, minlength=len(edges) - 1)
    density = counts / (max(len(values), 1) * np.diff(edges))
    x, y = ecdf_points(values)
    mean = float(values.mean()) if len(values) else None
    return Group(len(values), mean, counts.tolist(), density.tolist(), x.tolist(), y.tolist())


def ecdf_points(values: Floats, points: int = ECDF_POINTS) -> tuple[Floats, Floats]:
    """At most `points` points of the empirical distribution function: evenly spaced ranks, each with its exact share."""
    ordered = np.sort(values)
    if len(ordered) == 0:
        return ordered, ordered
    ranks = np.unique(np.linspace(0, len(ordered) - 1, min(points, len(ordered))).round().astype(int))
    x = np.unique(ordered[ranks])
    return x, np.searchsorted(ordered, x, side="right") / len(ordered)
