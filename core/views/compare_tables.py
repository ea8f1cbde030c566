"""Groups of seeds beside each other as tables: numbers for a file, and the same written out for the screen."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from core.actions.comparison import GroupComparison, GroupResult, SettingDifference, Summary
from core.formats import NOTHING, duration, percent, percent_interval, signed
from core.statistics.compare import WORDS, Difference, Spread, p_in_words
from core.views.texts import METHODS, STATUS


def methods_table(found: GroupComparison) -> pd.DataFrame:
    """One row a group, and one more without the runs that failed to fit where there are such."""
    rows = []
    for group in found.groups:
        rows.append(_method_row(found.split, group, group.all, "all"))
        if group.failed_to_fit:
            rows.append(_method_row(found.split, group, group.fitted, "without those that failed to fit"))
    return pd.DataFrame(rows)


def _method_row(split: str, group: GroupResult, of: Summary, runs: str) -> dict[str, Any]:
    interval = of.accuracy_interval
    row: dict[str, Any] = {
        "group": group.group,
        "method": method_title(group),
        "data set": group.dataset,
        "split": split,
        "runs": runs,
        "seeds": of.accuracy.n,
        "failed to fit": group.failed_to_fit,
        "unfinished": len(group.unfinished),
    }
    spreads = {
        "accuracy": of.accuracy,
        "worst cell": of.worst_cell,
        "balanced accuracy": of.balanced_accuracy,
        "CID": of.cid,
        "seconds": of.seconds,
    }
    for name, spread in spreads.items():
        row |= {name: spread.mean, f"{name} SD": spread.sd}
    row |= {"accuracy low": interval.lo if interval else None, "accuracy high": interval.hi if interval else None}
    return row | {"floor": group.floor, "configurations tried": group.configurations_tried}


def method_title(group: GroupResult) -> str:
    """The methods of a group in words; the control is told by its data."""
    if group.is_control:
        return METHODS["no-spurious"]
    return ", ".join(METHODS.get(one, one) for one in group.method.split(", "))


def methods_shown(found: GroupComparison) -> pd.DataFrame:
    """The methods' table as it is read: mean ± sample SD."""
    rows = []
    for group in found.groups:
        rows.append(_shown_row(group, group.all, group.group, str(group.n)))
        if group.failed_to_fit:
            rows.append(_shown_row(group, group.fitted, "\u2003without the failed", str(group.fitted.accuracy.n)))
    return pd.DataFrame(rows)


def _shown_row(group: GroupResult, of: Summary, name: str, seeds: str) -> dict[str, str]:
    interval = of.accuracy_interval
    return {
        "Group": name,
        "Method": method_title(group),
        "Seeds": seeds,
        "Failed to fit": str(group.failed_to_fit) if of is group.all else "0",
        "Accuracy, %": plus_minus(of.accuracy, 100, 1),
        "95 %": NOTHING if interval is None else percent_interval(interval.lo, interval.hi).removesuffix(" %"),
        "Worst cell, %": plus_minus(of.worst_cell, 100, 1),
        "Balanced, %": plus_minus(of.balanced_accuracy, 100, 1),
        "CID": plus_minus(of.cid, 1, 3),
        "Floor, %": NOTHING if group.floor is None else signed(100 * group.floor, 1),
        "Seconds": plus_minus(of.seconds, 1, 0),
        "Tried": str(group.configurations_tried),
    }


def plus_minus(spread: Spread, scale: float, digits: int) -> str:
    """78.0 ± 1.4."""
    if spread.mean is None:
        return NOTHING
    mean = signed(scale * spread.mean, digits)
    return mean if spread.sd is None else f"{mean} ± {signed(scale * spread.sd, digits)}"


def seeds_table(found: GroupComparison) -> pd.DataFrame:
    """One row a run, those without a result with their status and reason."""
    rows = [
        {
            "group": group.group,
            "run": run.run,
            "seed": run.seed,
            "status": "failed to fit" if run.failed_to_fit else "done",
            "step": run.step,
            "accuracy": run.accuracy,
            "worst cell": run.worst_cell,
            "worst cell is": run.worst_cell_name,
            "balanced accuracy": run.balanced_accuracy,
            "CID": run.cid,
            "CID low": run.cid_lo,
            "CID high": run.cid_hi,
            "seconds": run.seconds,
            "device": run.device,
        }
        for group in found.groups
        for run in group.runs
    ]
    left_out = [
        {"group": group.group, "run": one.run, "seed": one.seed, "status": one.status, "reason": one.reason}
        for group in found.groups
        for one in group.unfinished
    ]
    return pd.DataFrame([*rows, *left_out])


def seeds_shown(found: GroupComparison) -> pd.DataFrame:
    """Every run as it is read."""
    return pd.DataFrame(
        [
            {
                "Group": group.group,
                "Run": run.run,
                "Seed": run.seed,
                "": "failed to fit" if run.failed_to_fit else "",
                "Accuracy": percent(run.accuracy),
                "Worst cell": percent(run.worst_cell),
                "Worst cell is": run.worst_cell_name or NOTHING,
                "CID": signed(run.cid, 3),
                "Took": duration(run.seconds),
            }
            for group in found.groups
            for run in group.runs
        ]
    )


def without_result(groups: Sequence[GroupResult]) -> pd.DataFrame:
    """Runs that tell nothing: unfinished ones with their reason, and those that failed to fit."""
    rows = [
        {
            "Group": group.group,
            "Run": one.run,
            "Seed": one.seed,
            "State": STATUS.get(one.status, one.status),
            "Why": one.reason or NOTHING,
            "Counted": "no",
        }
        for group in groups
        for one in group.unfinished
    ]
    rows += [
        {
            "Group": group.group,
            "Run": run.run,
            "Seed": run.seed,
            "State": "failed to fit",
            "Why": "It is about chance on its own training set.",
            "Counted": "with and without",
        }
        for group in groups
        for run in group.runs
        if run.failed_to_fit
    ]
    return pd.DataFrame(rows)


def pairs_table(found: GroupComparison) -> pd.DataFrame:
    """One row a pair and measure, with and without the runs that failed to fit; numbers as they were computed."""
    kinds = {"all": found.comparisons.all}
    if any(group.failed_to_fit for group in found.groups):
        kinds["without those that failed to fit"] = found.comparisons.fitted
    return pd.DataFrame([_test_row(one, runs) for runs, differences in kinds.items() for one in differences])


def _test_row(one: Difference, runs: str) -> dict[str, Any]:
    keys = ("difference", "lo", "hi", "test", "statistic", "df", "p_value", "p_holm_baseline", "p_holm_pairs")
    same = one.same_examples
    return {
        "measure": WORDS[one.measure],
        "a": one.a,
        "b": one.b,
        "runs": runs,
        **{key: getattr(one, key) for key in (*keys, "hedges_g", "hedges_g_lo", "hedges_g_hi")},
        "seeds_and_examples_lo": same.lo if same else None,
        "seeds_and_examples_hi": same.hi if same else None,
        "undefined": one.undefined,
    }


def pairs_shown(differences: Sequence[Difference]) -> pd.DataFrame:
    """Every two groups as they are read."""
    return pd.DataFrame([_test_shown(one) for one in differences])


def _test_shown(one: Difference) -> dict[str, str]:
    scale, digits = (1, 3) if one.measure == "cid" else (100, 1)

    def between(lo: float | None, hi: float | None) -> str:
        if lo is None or hi is None:
            return NOTHING
        return f"{signed(scale * lo, digits)} to {signed(scale * hi, digits)}"

    same = one.same_examples
    return {
        "Measure": WORDS[one.measure].capitalize() if one.measure != "cid" else "CID",
        "Group": one.a,
        "less": one.b,
        "Difference": NOTHING if one.difference is None else signed(scale * one.difference, digits),
        "95 %, seeds": between(one.lo, one.hi),
        "95 %, seeds and examples": between(same.lo, same.hi) if same else NOTHING,
        "t": NOTHING if one.statistic is None or one.df is None else f"t({one.df:.1f}) = {signed(one.statistic)}",
        "p": _p(one.p_value),
        "Holm p, all pairs": _p(one.p_holm_pairs),
        "Hedges' g": signed(one.hedges_g, 2),
    }


def _p(value: float | None) -> str:
    return NOTHING if value is None else p_in_words(value).removeprefix("= ")


def settings_table(groups: Sequence[str], differences: Sequence[SettingDifference]) -> pd.DataFrame:
    """One row a setting that is not the same everywhere, a column a group."""
    first = "Setting" if "Setting" not in groups else "Setting of the runs"
    return pd.DataFrame(
        [
            {first: one.key, **{name: " or ".join(map(_value, one.values.get(name, []))) for name in groups}}
            for one in differences
        ],
        columns=[first, *groups],
    )


def _value(value: Any) -> str:
    return "auto" if value is None else str(value)


def courses_table(found: GroupComparison) -> pd.DataFrame:
    """One row a point of a CID course."""
    return pd.DataFrame(
        [
            {
                "group": one.group,
                "run": one.run,
                "seed": one.seed,
                "measured by": one.source,
                "step": point.step,
                "cid": point.cid,
                "null_low": point.null_lo,
                "null_high": point.null_hi,
            }
            for one in found.courses
            for point in one.points
        ]
    )


def access_table(found: GroupComparison) -> pd.DataFrame:
    """One row a group of a method that reads the confound: its access rate and accuracy."""
    return pd.DataFrame(
        [
            {
                "method": METHODS.get(one.method, one.method),
                "access rate": one.access_rate,
                "group": one.group,
                "seeds": one.accuracy.n,
                "accuracy": one.accuracy.mean,
                "accuracy SD": one.accuracy.sd,
            }
            for one in found.access
        ]
    )
