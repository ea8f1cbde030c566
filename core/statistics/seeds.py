"""How far a method's accuracy would move with other seeds and other test examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from core.statistics.arrays import Floats, Ints, Values, same_length, text_array
from core.statistics.bootstrap import resampling_weights
from core.statistics.errors import StatisticsError

FEW_SEEDS = 3
"""With fewer seeds than this a difference between methods is hardly told from luck."""

_ENTRIES = 4_000_000
"""Entries of a chunk of resampling weights (32 MB as float64)."""


@dataclass(frozen=True)
class Estimate:
    """A figure with the standard deviation of its bootstrap draws and its 95 % interval."""

    value: float
    sd: float
    df: float
    lo: float
    hi: float


@dataclass(frozen=True)
class Redrawn:
    """A method's S models on redrawn examples: accuracy of each in each draw [draws, S], and as they are [S], on n."""

    by_draw: Floats
    as_is: Floats
    n: int

    def only(self, places: Sequence[int]) -> "Redrawn":
        """The models at some places; at least one."""
        return Redrawn(self.by_draw[:, places], self.as_is[list(places)], self.n)


def redraw_examples(
    correct: Sequence[npt.NDArray[Any]], *, seed: int, cells: Values | None = None, draws: int = 2000
) -> list[Redrawn]:
    """Resample the examples that all methods share, for each `correct` [S, n] of right and wrong answers alike.

    Each draw takes n − 1 of n examples with replacement (see `bootstrap.py`), within `cells` [n] where these are given.
    Drawing examples is what takes time, so that all methods of a comparison are told from one drawing.
    """
    parts = [_checked(one) for one in correct]
    n = parts[0].shape[1]
    if any(part.shape[1] != n for part in parts):
        counts = " and ".join(str(part.shape[1]) for part in parts)
        raise StatisticsError(f"All methods need the same test examples: {counts} were given.")
    strata = _strata(n, cells)
    rng = np.random.default_rng(seed)
    drawn = [np.empty((draws, len(part))) for part in parts]
    step = max(1, _ENTRIES // n)
    for start in range(0, draws, step):
        chunk = slice(start, min(start + step, draws))
        examples = np.empty((chunk.stop - start, n))
        for members in strata:
            examples[:, members] = resampling_weights(len(members), chunk.stop - start, rng)
        for part, of_part in zip(parts, drawn, strict=True):
            of_part[chunk] = examples @ part.T / n
    return [Redrawn(by_draw, part.mean(1), n) for by_draw, part in zip(drawn, parts, strict=True)]


def estimate_accuracy(of: Redrawn, *, seed: int) -> Estimate:
    """Mean accuracy over seeds and examples, with the interval of `bootstrap_accuracy`."""
    return _estimate([(1.0, of)], seed)


def estimate_difference(a: Redrawn, b: Redrawn, *, seed: int) -> Estimate:
    """Accuracy of a less that of b, which were redrawn together, as `bootstrap_difference` has it."""
    return _estimate([(1.0, a), (-1.0, b)], seed)


def bootstrap_accuracy(
    correct: npt.NDArray[Any], *, seed: int, cells: Values | None = None, draws: int = 2000
) -> Estimate:
    """Mean accuracy over seeds and examples, from `correct` [S, n], and its interval.

    Each draw resamples seeds and examples at once, S − 1 and n − 1 of them with replacement (see `bootstrap.py`),
    examples within `cells` [n] where these are given. Percentiles of so few seeds are too narrow, so the interval is
    mean ± t_df · SD of the draws, with Satterthwaite's df = V² / (V_s² / (S − 1) + V_e² / (n − 1)) from the variance
    V_s = s²/S of the seeds' means and V_e, the rest of V. With one seed it holds for that model only.
    """
    return estimate_accuracy(redraw_examples([correct], seed=seed, cells=cells, draws=draws)[0], seed=seed)


def bootstrap_difference(
    correct_a: npt.NDArray[Any],
    correct_b: npt.NDArray[Any],
    *,
    seed: int,
    cells: Values | None = None,
    draws: int = 2000,
) -> Estimate:
    """Accuracy of a less that of b on the *same* examples: [S_a, n], [S_b, n]. Seeds are resampled for each method,
    examples for both together, which takes out what is easy or hard for both. Otherwise as `bootstrap_accuracy`.
    """
    a, b = redraw_examples([correct_a, correct_b], seed=seed, cells=cells, draws=draws)
    return estimate_difference(a, b, seed=seed)


def _estimate(parts: Sequence[tuple[float, Redrawn]], seed: int) -> Estimate:
    """The signed sum of some methods' accuracies; each method's seeds are resampled by draws of its own."""
    drawn = np.zeros(len(parts[0][1].by_draw))
    for place, (sign, part) in enumerate(parts):
        rng = np.random.default_rng([seed, place])
        drawn += sign * (resampling_weights(len(part.as_is), len(drawn), rng) * part.by_draw).mean(1)
    value = float(sum(sign * part.as_is.mean() for sign, part in parts))
    total = float(drawn.var(ddof=1))
    df = _degrees_of_freedom([part.as_is for _, part in parts], total, parts[0][1].n)
    reach = float(scipy.stats.t.ppf(0.975, df)) * total**0.5
    return Estimate(value, total**0.5, df, value - reach, value + reach)


def _degrees_of_freedom(means: Sequence[Floats], total: float, n: int) -> float:
    """means: accuracy of each seed's model, for each method."""
    of_seeds = [(of.var(ddof=1) / len(of), len(of) - 1) for of in means if len(of) > 1]
    rest = max(total - sum(variance for variance, _ in of_seeds), 0.0)
    below = sum(variance**2 / df for variance, df in of_seeds) + rest**2 / max(n - 1, 1)
    return float(total**2 / below) if below > 0 else float(max(n - 1, 1))


def _strata(n: int, cells: Values | None) -> list[Ints]:
    if cells is None:
        return [np.arange(n)]
    cell = text_array(cells, "cells")
    same_length(examples=np.empty(n), cells=cell)
    return [np.flatnonzero(cell == value) for value in np.unique(cell)]


def _checked(correct: npt.NDArray[Any]) -> Floats:
    matrix = np.asarray(correct, dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0 or not np.isin(matrix, (0.0, 1.0)).all():
        raise StatisticsError(
            "Right and wrong answers need the shape [seeds, examples], with 1 for right, 0 for wrong."
        )
    return matrix
