"""Tests of two groups and the correction over many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy

from core.statistics.arrays import Floats, Values, same_length, text_array

EXACT_BELOW = 25
"""Fewer discordant examples than this: McNemar's test by the binomial distribution."""

Kind = Literal["welch", "student"]


@dataclass(frozen=True)
class TTest:
    """Mean a − mean b with its 95 % interval; statistic, df and two-sided p. None where they are undefined."""

    name: str
    difference: float | None
    lo: float | None
    hi: float | None
    statistic: float | None
    df: float | None
    p_value: float | None


@dataclass(frozen=True)
class McNemar:
    """`only_a`, `only_b`: examples that one model alone gets right. `statistic` is None for the exact test."""

    name: str
    only_a: int
    only_b: int
    statistic: float | None
    p_value: float


def t_test(a: Floats, b: Floats, kind: Kind = "welch") -> TTest:
    """Welch's t-test, or Student's with a pooled variance ("student", as the paper used). Units: those of the values.

    Undefined, and None, with fewer than two values in a group or no spread in either. By `scipy.stats.ttest_ind`.
    """
    name = "Welch's t-test" if kind == "welch" else "Student's t-test"
    difference = float(a.mean() - b.mean()) if len(a) and len(b) else None
    if len(a) < 2 or len(b) < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return TTest(name, difference, None, None, None, None, None)
    test = scipy.stats.ttest_ind(a, b, equal_var=kind == "student")
    interval = test.confidence_interval(0.95)
    figures = (interval.low, interval.high, test.statistic, test.df, test.pvalue)
    return TTest(name, difference, *(float(figure) for figure in figures))


def mcnemar(label: Values, predicted_a: Values, predicted_b: Values) -> McNemar:
    """Do two models get different examples of one test set right? All columns [n].

    Below EXACT_BELOW discordant examples: two-sided binomial test of only_a against ½. From there on
    (|only_a − only_b| − 1)² / (only_a + only_b) against χ² with 1 degree of freedom. Source: McNemar 1947; Edwards 1948.
    """
    y = text_array(label, "label")
    first, second = text_array(predicted_a, "predicted_a"), text_array(predicted_b, "predicted_b")
    same_length(label=y, predicted_a=first, predicted_b=second)
    only_a = int(((first == y) & (second != y)).sum())
    only_b = int(((first != y) & (second == y)).sum())
    discordant = only_a + only_b
    if discordant < EXACT_BELOW:
        p = float(scipy.stats.binomtest(only_a, discordant).pvalue) if discordant else 1.0
        return McNemar("McNemar's test, exact", only_a, only_b, None, p)
    statistic = max(abs(only_a - only_b) - 1, 0) ** 2 / discordant
    return McNemar("McNemar's test, χ²", only_a, only_b, statistic, float(scipy.stats.chi2.sf(statistic, 1)))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values: p̃_(i) = max_{j ≤ i} min(1, (m − j + 1) p_(j)); an undefined p stays None and is no
    part of the family. Controls the chance of any false finding. Source: Holm 1979.
    """
    adjusted: list[float | None] = [None] * len(p_values)
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = highest
    return adjusted
