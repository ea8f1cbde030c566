"""Methods over seeds: how good each is on average, and whether two of them differ by more than the luck of seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from core.formats import UNKNOWN, signed
from core.statistics.arrays import number
from core.statistics.effects import hedges_g_interval
from core.statistics.errors import StatisticsError
from core.statistics.seeds import Estimate
from core.statistics.tests import Kind, holm, t_test

Measure = Literal["accuracy", "worst_cell", "cid"]

WORDS: dict[Measure, str] = {"accuracy": "accuracy", "worst_cell": "worst-cell accuracy", "cid": "CID"}


@dataclass(frozen=True)
class Spread:
    """Mean and sample SD (n − 1 below) over seeds; None where they are undefined. Units: those of the values."""

    n: int
    mean: float | None
    sd: float | None


@dataclass(frozen=True)
class Difference:
    """Mean of `a` less mean of `b` over their seeds, which are not paired.

    lo, hi: 95 % interval; test, statistic, df, p_value: of the t-test; p_holm_baseline: adjusted over the methods
    against the baseline (None where neither is it), p_holm_pairs: over all pairs; hedges_g with its 95 % interval.
    same_examples: the difference with an interval that resamples seeds and, for both together, test examples.
    undefined: why there is no test, None where there is one. sentence: all of it, for people.
    """

    measure: Measure
    a: str
    b: str
    difference: float | None
    lo: float | None
    hi: float | None
    test: str
    statistic: float | None
    df: float | None
    p_value: float | None
    p_holm_baseline: float | None
    p_holm_pairs: float | None
    hedges_g: float | None
    hedges_g_lo: float | None
    hedges_g_hi: float | None
    undefined: str | None
    sentence: str
    same_examples: Estimate | None = None


def spread(values: Sequence[float]) -> Spread:
    """Mean ± sample SD. No values give no mean, one value no SD."""
    array = np.asarray(values, dtype=np.float64)
    mean = number(array.mean()) if len(array) else None
    return Spread(len(array), mean, number(array.std(ddof=1)) if len(array) > 1 else None)


def differences(
    measure: Measure, values: Mapping[str, Sequence[float]], baseline: str, kind: Kind = "welch"
) -> list[Difference]:
    """Every two methods, those against the baseline first. `values`: one number per seed for each method.

    The tests of a measure are two Holm families: the methods against the baseline, and all pairs. A test that is
    undefined belongs to neither. Raises StatisticsError if the baseline is not among the methods.
    """
    if baseline not in values:
        raise StatisticsError(f"The baseline {baseline!r} is not among the methods {', '.join(values)}.")
    order = [baseline, *(name for name in values if name != baseline)]
    pairs = [(a, b) for place, b in enumerate(order) for a in order[place + 1 :]]
    found = [_difference(measure, a, b, values[a], values[b], kind) for a, b in pairs]
    against = iter(holm([one.p_value for one in found if one.b == baseline]))
    among = holm([one.p_value for one in found])
    adjusted = [
        replace(one, p_holm_baseline=next(against) if one.b == baseline else None, p_holm_pairs=p)
        for one, p in zip(found, among, strict=True)
    ]
    return [replace(one, sentence=_sentence(one)) for one in adjusted]


def _difference(
    measure: Measure, a: str, b: str, of_a: Sequence[float], of_b: Sequence[float], kind: Kind
) -> Difference:
    first, second = np.asarray(of_a, dtype=np.float64), np.asarray(of_b, dtype=np.float64)
    test = t_test(first, second, kind)
    p = number(test.p_value)
    effect = hedges_g_interval(first, second)
    return Difference(
        measure=measure,
        a=a,
        b=b,
        difference=number(test.difference),
        lo=number(test.lo),
        hi=number(test.hi),
        test=test.name,
        statistic=number(test.statistic),
        df=number(test.df),
        p_value=p,
        p_holm_baseline=None,
        p_holm_pairs=None,
        hedges_g=number(effect.g),
        hedges_g_lo=number(effect.lo),
        hedges_g_hi=number(effect.hi),
        undefined=_undefined(measure, a, b, len(first), len(second)) if p is None else None,
        sentence="",
    )


def _undefined(measure: Measure, a: str, b: str, n_a: int, n_b: int) -> str:
    empty = [name for name, n in ((a, n_a), (b, n_b)) if n == 0]
    if empty:
        return f"{' and '.join(empty)} {'have' if len(empty) > 1 else 'has'} no {WORDS[measure]}"
    single = [name for name, n in ((a, n_a), (b, n_b)) if n == 1]
    if single:
        return f"{' and '.join(single)} {'have' if len(single) > 1 else 'has'} one seed only; a test needs two or more"
    return "the seeds of neither differ at all, so nothing tells how much luck there is"


def _sentence(found: Difference) -> str:
    """Such as: it is 5.1 points above ft in accuracy (Welch's t-test: t(3.2) = 4.02, p = .025, Holm p = .025, …)."""
    what = WORDS[found.measure]
    if found.difference is None:
        return f"{found.a} and {found.b} cannot be compared in {what}: {found.undefined}."
    size = f"{abs(found.difference):.3f}" if found.measure == "cid" else f"{100 * abs(found.difference):.1f} points"
    way = "above" if found.difference > 0 else "below"
    head = (
        f"{found.a} equals {found.b} in {what}"
        if found.difference == 0
        else f"{found.a} is {size} {way} {found.b} in {what}"
    )
    if found.undefined is not None:
        return f"{head}; no test: {found.undefined}."
    adjusted = [f"Holm p {p_in_words(found.p_holm_pairs)} over all pairs"]
    if found.p_holm_baseline is not None:
        adjusted.insert(0, f"Holm p {p_in_words(found.p_holm_baseline)} against the baseline")
    name = found.test.split("'")[0]
    return (
        f"{head} ({name} t({found.df:.1f}) = {signed(found.statistic, missing='unknown')}, p {p_in_words(found.p_value)}, {', '.join(adjusted)}, "
        f"95 % interval {_interval(found)}, Hedges' g = {signed(found.hedges_g, missing='unknown')})."
    )


def _interval(found: Difference) -> str:
    scale, digits = (1, 3) if found.measure == "cid" else (100, 1)
    lo, hi = (signed(None if end is None else scale * end, digits, missing=UNKNOWN) for end in (found.lo, found.hi))
    return f"{lo} to {hi}"


def p_in_words(value: float | None) -> str:
    """A p-value behind the letter p: = .021, < .001."""
    if value is None:
        return "unknown"
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".", 1)
