"""How far apart two groups are: Hedges' g and Cliff's δ."""

from dataclasses import dataclass
from functools import cache
from math import exp, sqrt

import numpy as np
import scipy

from core.statistics.arrays import Floats

_NODES = 1000
"""Nodes of the quadrature behind the interval of g."""

_FAR = 9.0
"""Standard normal deviations beyond which Φ is 0 or 1 for this purpose."""


@dataclass(frozen=True)
class Effect:
    """A standardised difference with its 95 % interval; None where it is undefined."""

    g: float | None
    lo: float | None
    hi: float | None


def hedges_g(a: Floats, b: Floats) -> float | None:
    """Hedges' g = J(n_a + n_b − 2) · (mean a − mean b) / pooled SD, J(m) = Γ(m/2) / (√(m/2) Γ((m−1)/2)).

    In standard deviations. None with fewer than two values in a group or no spread at all. Source: Hedges 1981.
    """
    pooled = _pooled_sd(a, b)
    if pooled is None:
        return None
    return _correction(len(a) + len(b) - 2) * float(a.mean() - b.mean()) / pooled


def hedges_g_interval(a: Floats, b: Floats, level: float = 0.95) -> Effect:
    """Hedges' g with its interval: the noncentralities of t for which the t observed is at either tail.

    Exact for normal values with equal variances. Source: Steiger and Fouladi 1997; Hedges 1981.
    """
    g = hedges_g(a, b)
    if g is None:
        return Effect(None, None, None)
    m = len(a) + len(b) - 2
    scale = sqrt(1 / len(a) + 1 / len(b))
    t = g / _correction(m) / scale
    tail = (1 - level) / 2
    lo, hi = (_noncentrality(t, m, probability) for probability in (1 - tail, tail))
    factor = _correction(m) * scale
    return Effect(g, lo * factor, hi * factor)


def _noncentrality(t: float, m: int, probability: float) -> float:
    """δ with P(T_m(δ) ≤ t) = probability.

    P = E[Φ(t s − δ)] over s = √(χ²_m / m), by quadrature: `scipy.stats.nct.cdf` gives NaN for many t beyond 10.
    """
    at = t * _spread_nodes(m)  # [_NODES]
    weights = _legendre()[1] / 2

    def gap(delta: float) -> float:
        return float(scipy.special.ndtr(at - delta) @ weights) - probability

    return float(scipy.optimize.brentq(gap, at.min() - _FAR, at.max() + _FAR, xtol=1e-10))


@cache
def _legendre() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


def _spread_nodes(m: int) -> Floats:
    """s = √(χ²_m / m) at the probabilities of Gauss–Legendre's nodes [_NODES]."""
    spread: Floats = np.sqrt(scipy.stats.chi2.ppf((_legendre()[0] + 1) / 2, m) / m)
    return spread


def _pooled_sd(a: Floats, b: Floats) -> float | None:
    if len(a) < 2 or len(b) < 2:
        return None
    m = len(a) + len(b) - 2
    variance = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / m
    largest = max(np.abs(a).max(), np.abs(b).max())
    return float(np.sqrt(variance)) if variance > (1e-13 * largest) ** 2 else None


def _correction(m: int) -> float:
    return exp(scipy.special.gammaln(m / 2) - scipy.special.gammaln((m - 1) / 2)) / sqrt(m / 2)


def cliffs_delta(a: Floats, b: Floats) -> float | None:
    """Cliff's δ = P(a > b) − P(a < b) over all pairs, in [−1, 1]; None for an empty group.

    By ranks in O(n log n): δ = 2 U / (n_a n_b) − 1, U = Σ rank(a) − n_a (n_a + 1) / 2. Source: Cliff 1993.
    """
    if len(a) == 0 or len(b) == 0:
        return None
    ranks = scipy.stats.rankdata(np.concatenate([a, b]))
    u = ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2
    return float(2 * u / (len(a) * len(b)) - 1)
