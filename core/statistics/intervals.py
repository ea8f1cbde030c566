"""Intervals for proportions and for their differences."""

from math import sqrt

import scipy

from core.statistics.errors import StatisticsError

Interval = tuple[float, float]


def wilson(k: int, n: int, level: float = 0.95) -> Interval:
    """Wilson score interval of a proportion: `k` successes in `n` trials, no continuity correction.

    The two p with (k/n − p)² = z² p (1 − p) / n. Source: Wilson 1927, by `scipy.stats.binomtest(...).proportion_ci`.
    With no trials nothing is known: (0, 1). Raises StatisticsError unless 0 ≤ k ≤ n.
    """
    if not 0 <= k <= n:
        raise StatisticsError(f"{k} successes in {n} trials is no proportion.")
    if n == 0:
        return 0.0, 1.0
    # The interval asks nothing of p; with the estimate itself scipy's test, which nobody asked for, has the least to do.
    found = scipy.stats.binomtest(int(k), int(n), p=k / n)
    interval = found.proportion_ci(confidence_level=level, method="wilson")
    return float(interval.low), float(interval.high)


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
