"""One probe's two groups of training examples: who is in them, and how their influence is spread."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOST_BINS = 36
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Groups:
    """Influence on one probe [N], with A (its label and its confound, without itself) and B (its label, another confound)."""

    scores: Floats
    same: Bools
    different: Bools
    itself: int

    @property
    def other_label(self) -> Bools:
        """Examples of another label [N]; they take no part in CID."""
        outside = ~(self.same | self.different)
        if self.itself >= 0:
            outside[self.itself] = False
        return outside


@dataclass(frozen=True)
class Histogram:
    """Counts of both groups [B] between edges [B + 1]; the first and last edge hold every score."""

    edges: Floats
    same: npt.NDArray[np.int64]
    different: npt.NDArray[np.int64]

    @property
    def filled(self) -> list[int]:
        """Bins with anything in them."""
        return [int(place) for place in np.flatnonzero(self.same + self.different)]


def groups(scores: npt.NDArray[np.floating], row: int, train: pd.DataFrame, label: str, confound: str) -> Groups:
    """Split the training rows of `scores` [N] for a probe with this label and confound, itself at `row` (−1: held out)."""
    same_label = (train["label"] == label).to_numpy(dtype=bool)
    same_confound = (train["confound"] == confound).to_numpy(dtype=bool)
    same = same_label & same_confound
    if row >= 0:
        same[row] = False
    return Groups(scores.astype(np.float64), same, same_label & ~same_confound, row)


def histogram(found: Groups, most: int = MOST_BINS) -> Histogram:
    """Both groups over common bins of a round width, an edge at 0, at most `most` of them."""
    return binned(found, common_edges([found], most))


def common_edges(several: Sequence[Groups], most: int = MOST_BINS) -> Floats:
    """Edges [B + 1] that hold the scores of all of them, with a round width and one at 0."""
    values = np.concatenate([found.scores[found.same | found.different] for found in several])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    width = round_width(high - low, most - 2)
    first, last = int(np.floor(low / width)), int(np.floor(high / width)) + 1
    return np.arange(first, last + 1, dtype=np.float64) * width


def binned(found: Groups, edges: Floats) -> Histogram:
    """Both groups counted between these edges."""
    return Histogram(
        edges,
        np.bincount(bin_of(found.scores[found.same], edges), minlength=len(edges) - 1),
        np.bincount(bin_of(found.scores[found.different], edges), minlength=len(edges) - 1),
    )


def bin_of(values: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """The bin [low, high) of each value; rounding at an edge never leaves the range."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def round_width(span: float, most: int) -> float:
    """The smallest of 1, 2, 2.5, 5 × 10^k of which at most `most` cover the span."""
    least = max(span / most, 1e-6)
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(step * power for step in _NICE if step * power >= least * (1 - 1e-9)))


def in_bins(found: Groups, edges: Floats, first: int, last: int) -> npt.NDArray[np.int64]:
    """Training rows of either group whose score is in the bins `first` … `last`, highest influence first."""
    rows = np.flatnonzero(found.same | found.different)
    place = bin_of(found.scores[rows], edges)
    rows = rows[(place >= first) & (place <= last)]
    return rows[np.argsort(-found.scores[rows], kind="stable")]


def extreme(found: Groups, among: Bools, n: int, *, highest: bool) -> npt.NDArray[np.int64]:
    """The `n` rows of `among` with the highest, or lowest, influence; the most extreme first."""
    rows = np.flatnonzero(among)
    key = -found.scores[rows] if highest else found.scores[rows]
    if len(rows) > n:
        nearest = np.argpartition(key, n)[:n]
        rows, key = rows[nearest], key[nearest]
    return rows[np.argsort(key, kind="stable")]
