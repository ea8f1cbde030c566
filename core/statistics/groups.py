"""Methods over seeds: means, spreads and tests, with and without the runs that failed to fit."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from core.statistics.arrays import Floats, number
from core.statistics.effects import hedges_g_interval
from core.statistics.errors import StatisticsError
from core.statistics.tests import Kind, holm, t_test


@dataclass(frozen=True)
class Method:
    """One method's runs. `sd` is the sample SD (n − 1); None with fewer than two runs."""

    method: str
    n: int
    n_failed: int
    mean: float | None
    sd: float | None
    values: tuple[float, ...]


@dataclass(frozen=True)
class Pair:
    """a − b with its 95 % interval, the t-test, Holm's p within its family, and Hedges' g with its interval."""

    a: str
    b: str
    difference: float | None
    lo: float | None
    hi: float | None
    statistic: float | None
    df: float | None
    p_value: float | None
    p_holm: float | None
    hedges_g: float | None
    g_lo: float | None
    g_hi: float | None


@dataclass(frozen=True)
class Table:
    """All methods, each against the baseline (one Holm family) and each against each (another)."""

    methods: tuple[Method, ...]
    against_baseline: tuple[Pair, ...]
    between: tuple[Pair, ...]


@dataclass(frozen=True)
class Comparison:
    """`every_run` counts failed runs as they are; `fitted` leaves them out. `test` names the t-test."""

    baseline: str
    test: str
    every_run: Table
    fitted: Table
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and None, ready for JSON."""
        found: dict[str, Any] = _listed(asdict(self))
        return found


def compare_methods(
    values: Mapping[str, Sequence[float]],
    baseline: str,
    *,
    failed: Mapping[str, Sequence[bool]] | None = None,
    kind: Kind = "welch",
) -> Comparison:
    """Compare methods by one figure of each run (accuracy, CID …); a seed is the replicate, and seeds are not paired.

    values: method → one value for each run. failed: method → whether that run failed to fit its training set
    (`collapse.has_learned`); a method that is missing there has no failed run. kind: "student" is the paper's test.
    Holm's correction runs over the methods tested against the baseline, and over all pairs, separately.

    Raises StatisticsError for an unknown baseline, a value that is no number, and lists that do not fit.
    """
    failures = _failures(values, failed or {})
    if baseline not in values:
        raise StatisticsError(f"The baseline {baseline} is not among the methods {', '.join(values)}.")
    runs = {method: _checked(method, each) for method, each in values.items()}
    kept = {method: each[~failures[method]] for method, each in runs.items()}
    notes = tuple(
        f"{method}: {int(each.sum())} of {len(each)} runs failed to fit the training set."
        for method, each in failures.items()
        if each.any()
    )
    counts = {method: int(each.sum()) for method, each in failures.items()}
    name = "Welch's t-test" if kind == "welch" else "Student's t-test"
    return Comparison(baseline, name, _table(runs, baseline, counts, kind), _table(kept, baseline, counts, kind), notes)


def _table(runs: dict[str, Floats], baseline: str, failed: dict[str, int], kind: Kind) -> Table:
    methods = tuple(
        Method(
            method=method,
            n=len(each),
            n_failed=failed[method],
            mean=number(each.mean()) if len(each) else None,
            sd=number(each.std(ddof=1)) if len(each) > 1 else None,
            values=tuple(each.tolist()),
        )
        for method, each in runs.items()
    )
    others = [(method, baseline) for method in runs if method != baseline]
    return Table(methods, _pairs(runs, others, kind), _pairs(runs, list(combinations(runs, 2)), kind))


def _pairs(runs: dict[str, Floats], wanted: list[tuple[str, str]], kind: Kind) -> tuple[Pair, ...]:
    tests = [t_test(runs[a], runs[b], kind) for a, b in wanted]
    adjusted = holm([test.p_value for test in tests])
    pairs = []
    for (a, b), test, p_holm in zip(wanted, tests, adjusted, strict=True):
        effect = hedges_g_interval(runs[a], runs[b])
        pairs.append(
            Pair(
                a=a,
                b=b,
                difference=test.difference,
                lo=test.lo,
                hi=test.hi,
                statistic=test.statistic,
                df=test.df,
                p_value=test.p_value,
                p_holm=p_holm,
                hedges_g=effect.g,
                g_lo=effect.lo,
                g_hi=effect.hi,
            )
        )
    return tuple(pairs)


def _checked(method: str, values: Sequence[float]) -> Floats:
    each = np.asarray(values, dtype=np.float64)
    if each.ndim != 1 or len(each) == 0:
        raise StatisticsError(f"{method} has no runs to compare.")
    for place in np.flatnonzero(~np.isfinite(each)):
        raise StatisticsError(f"Run {place} of {method} has the value {each[place]}, which cannot be averaged.")
    return each


def _failures(values: Mapping[str, Sequence[float]], failed: Mapping[str, Sequence[bool]]) -> dict[str, Any]:
    for method, flags in failed.items():
        if method not in values or len(flags) != len(values[method]):
            raise StatisticsError(f"The failed runs of {method} do not match its {len(values.get(method, ()))} values.")
    return {method: np.asarray(failed.get(method, [False] * len(each)), bool) for method, each in values.items()}


def _listed(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    if isinstance(value, dict):
        return {key: _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, list | tuple) else value
