"""How far a method's accuracy would move with other seeds and other test examples."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

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


def bootstrap_accuracy(
    correct: npt.NDArray[Any], *, seed: int, cells: Values | None = None, draws: int = 2000
) -> Estimate:
    """Mean accuracy over seeds and examples, from `correct` [S, n], and its interval.

    Each draw resamples seeds and examples at once, S − 1 and n − 1 of them with replacement (see `bootstrap.py`),
    examples within `cells` [n] where these are given. Percentiles of so few seeds are too narrow, so the interval is
    mean ± t_df · SD of the draws, with Satterthwaite's df = V² / (V_s² / (S − 1) + V_e² / (n − 1)) from the variance
    V_s = s²/S of the seeds' means and V_e, the rest of V. With one seed it holds for that model only.
    """
    return _estimate([_checked(correct)], cells, seed, draws)


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
    a, b = _checked(correct_a), _checked(correct_b)
    if a.shape[1] != b.shape[1]:
        raise StatisticsError(f"Both methods need the same test examples: {a.shape[1]} and {b.shape[1]} were given.")
    return _estimate([a, -b], cells, seed, draws)


def _estimate(parts: list[Floats], cells: Values | None, seed: int, draws: int) -> Estimate:
    n = parts[0].shape[1]
    strata = _strata(n, cells)
    rng = np.random.default_rng(seed)
    drawn = np.empty(draws)
    step = max(1, _ENTRIES // n)
    for start in range(0, draws, step):
        chunk = min(step, draws - start)
        examples = np.empty((chunk, n))
        for members in strata:
            examples[:, members] = resampling_weights(len(members), chunk, rng)
        drawn[start : start + chunk] = sum(
            (resampling_weights(len(part), chunk, rng) * (examples @ part.T)).sum(1) / part.size for part in parts
        )
    value = float(sum(part.mean() for part in parts))
    total = float(drawn.var(ddof=1))
    df = _degrees_of_freedom(parts, total, n)
    reach = float(stats.t.ppf(0.975, df)) * total**0.5
    return Estimate(value, total**0.5, df, value - reach, value + reach)


def _degrees_of_freedom(parts: list[Floats], total: float, n: int) -> float:
    of_seeds = [(part.mean(1).var(ddof=1) / len(part), len(part) - 1) for part in parts if len(part) > 1]
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
