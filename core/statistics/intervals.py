"""Intervals for proportions and for their differences."""

from math import sqrt

import scipy

from core.statistics.errors import StatisticsError

Interval = tuple[float, float]


def wilson(k: int, n: int, level: float = 0.95) -> Interval:
    """Wilson score interval of a proportion: `k` successes in `n` trials, no continuity correction.

    The two p with (k/n − p)² = z² p (1 − p) / n, solved: (k + z²/2 ± z √(k (n − k)/n + z²/4)) / (n + z²). Source: Wilson 1927.
    The same as `scipy.stats.binomtest(...).proportion_ci`, without `scipy.stats`, for which alone a job that only trains
    would take half a second longer. With no trials nothing is known: (0, 1). Raises StatisticsError unless 0 ≤ k ≤ n.
    """
    if not 0 <= k <= n:
        raise StatisticsError(f"{k} successes in {n} trials is no proportion.")
    if n == 0:
        return 0.0, 1.0
    k, n = int(k), int(n)
    z = float(scipy.special.ndtri((1 + level) / 2))
    centre, half = k + z**2 / 2, z * sqrt(k * (n - k) / n + z**2 / 4)
    low = 0.0 if k == 0 else (centre - half) / (n + z**2)
    high = 1.0 if k == n else (centre + half) / (n + z**2)
    return low, high


def difference(estimate_a: float, a: Interval, estimate_b: float, b: Interval) -> Interval:
    """Interval of `estimate_a − estimate_b` from the intervals of two independent estimates.

    lower = d − √((A − A_lo)² + (B_hi − B)²), upper = d + √((A_hi − A)² + (B − B_lo)²), with d = A − B: the "method of
    variance estimates recovery" (Zou and Donner 2008). With Wilson intervals it is Newcombe's (1998) interval for the
    difference of two proportions. Units: those of the estimates.
    """
    d = estimate_a - estimate_b
    lower = d - sqrt((estimate_a - a[0]) ** 2 + (b[1] - estimate_b) ** 2)
    upper = d + sqrt((a[1] - estimate_a) ** 2 + (estimate_b - b[0]) ** 2)
    return lower, upper
