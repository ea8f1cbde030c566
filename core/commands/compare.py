"""`compare`: methods over seeds, as in the paper's Table 2, with the tests that it lacks."""

import argparse
from collections.abc import Iterator
from typing import Any

from core.actions.comparing import compare_groups
from core.actions.comparison import GroupComparison, GroupResult, Summary
from core.commands.console import Console, number, percent, table
from core.statistics.compare import Difference, Spread
from core.statistics.seeds import Estimate


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the command of this file under the top parser."""
    compare = commands.add_parser("compare", parents=[common], help="methods over seeds, and tests between them")
    compare.add_argument("groups", nargs="+", metavar="GROUP", help="a group of `train --seeds`, or a single run")
    compare.add_argument(
        "--baseline", metavar="GROUP", help="what the others are held against; the first when not given"
    )
    compare.add_argument("--split", choices=["dev", "test", "train"], default="dev", help="whose accuracies")
    compare.add_argument(
        "--paper", action="store_true", help="Student's t-test, as the paper has it, in place of Welch's"
    )
    compare.set_defaults(command=_compare)


def _compare(options: argparse.Namespace, console: Console) -> None:
    found = compare_groups(
        console.store,
        options.groups,
        baseline=options.baseline,
        split=options.split,
        kind="student" if options.paper else "welch",
    )
    console.answer(found.to_dict(), *_lines(found))


def _lines(found: GroupComparison) -> Iterator[str]:
    yield from found.verdict
    yield ""
    yield f"Accuracy on {found.split}, mean ± sample SD over seeds, in %. The interval (95 %) resamples seeds and examples."
    yield from table(
        list(_rows(found)),
        ["group", "seeds", "accuracy", "interval", "worst cell", "balanced", "CID", "seconds", "floor"],
    )
    yield "floor: the best that the confound alone would reach."
    yield ""
    yield from table(
        [
            [
                group.group,
                str(run.seed),
                run.run,
                percent(run.accuracy),
                percent(run.worst_cell),
                _with_range(run.cid, run.cid_lo, run.cid_hi),
                number(run.seconds, 0),
                "failed to fit" if run.failed_to_fit else "",
            ]
            for group in found.groups
            for run in group.runs
        ],
        ["group", "seed", "run", "accuracy", "worst cell", "CID (95 %)", "seconds", ""],
    )
    yield from _unfinished(found)
    yield from _tests(found)
    yield from _access(found)
    yield from _courses(found)
    yield from _settings(found)
    if found.notes:
        yield ""
        yield from (f"note: {note}" for note in found.notes)


def _rows(found: GroupComparison) -> Iterator[list[str]]:
    for group in found.groups:
        yield [group.group, _count(group), *_figures(group.all), percent(group.floor)]
        if group.failed_to_fit:
            yield ["  without the failed", str(group.n - group.failed_to_fit), *_figures(group.fitted), ""]


def _count(group: GroupResult) -> str:
    return f"{group.n} ({group.failed_to_fit} failed to fit)" if group.failed_to_fit else str(group.n)


def _figures(summary: Summary) -> list[str]:
    return [
        _plus_minus(summary.accuracy, 100, 2),
        _interval(summary.accuracy_interval),
        _plus_minus(summary.worst_cell, 100, 2),
        _plus_minus(summary.balanced_accuracy, 100, 2),
        _plus_minus(summary.cid, 1, 3),
        _plus_minus(summary.seconds, 1, 0),
    ]


def _unfinished(found: GroupComparison) -> Iterator[str]:
    rows = [
        [group.group, str(one.seed), one.run, one.status, " ".join((one.reason or "").split())]
        for group in found.groups
        for one in group.unfinished
    ]
    if rows:
        yield ""
        yield "Runs without a result:"
        yield from table(rows, ["group", "seed", "run", "status", "reason"])


def _access(found: GroupComparison) -> Iterator[str]:
    if not found.access:
        return
    yield ""
    yield "Accuracy by access rate, in %:"
    rows = [[one.method, f"{one.access_rate:g}", _plus_minus(one.accuracy, 100, 2), one.group] for one in found.access]
    yield from table(rows, ["method", "access rate", "accuracy", "group"])


def _courses(found: GroupComparison) -> Iterator[str]:
    curves = [one for one in found.courses if len(one.points) > 1]
    if not curves:
        return
    yield ""
    yield "CID over training (step: CID), by diagnoses or by the run's own curve:"
    rows = [
        [one.run, one.source, ", ".join(f"{point.step}: {number(point.cid)}" for point in one.points)] for one in curves
    ]
    yield from table(rows, ["run", "by", "CID"])


def _tests(found: GroupComparison) -> Iterator[str]:
    if not found.comparisons.all:
        return
    yield ""
    yield (
        f"{found.test} between every two groups, {found.effect}, {found.correction}'s correction for each measure "
        f"(baseline: {found.baseline}). Seeds are not paired."
    )
    yield from _sentences(found.comparisons.all)
    if any(group.failed_to_fit for group in found.groups):
        yield ""
        yield "The same without the runs that failed to fit:"
        yield from _sentences(found.comparisons.fitted)


def _sentences(differences: tuple[Difference, ...]) -> Iterator[str]:
    for one in differences:
        yield f"  {one.sentence}"
        if one.same_examples is not None:
            yield f"    on the same examples, seeds and examples resampled: {_interval(one.same_examples, signed=True)}"


def _settings(found: GroupComparison) -> Iterator[str]:
    yield ""
    yield f"Configurations tried: {', '.join(f'{one.group} {one.configurations_tried}' for one in found.groups)}."
    if not found.configuration:
        if len(found.groups) > 1:
            yield "All settings but the seed are the same."
        return
    yield "Settings that are not the same everywhere; a difference in accuracy may be one of budget:"
    names = [group.group for group in found.groups]
    rows = [[one.key, *(" or ".join(map(_value, one.values[name])) for name in names)] for one in found.configuration]
    yield from table(rows, ["setting", *names])


def _value(value: Any) -> str:
    return "–" if value is None else str(value)


def _plus_minus(spread: Spread, scale: float, digits: int) -> str:
    if spread.mean is None:
        return "–"
    mean = f"{scale * spread.mean:.{digits}f}"
    return mean if spread.sd is None else f"{mean} ± {scale * spread.sd:.{digits}f}"


def _interval(estimate: Estimate | None, *, signed: bool = False) -> str:
    if estimate is None:
        return "–"
    sign = "+" if signed else ""
    return f"{100 * estimate.lo:{sign}.1f} to {100 * estimate.hi:{sign}.1f}".replace("-", "−")


def _with_range(value: float | None, low: float | None, high: float | None) -> str:
    return number(value) if low is None or high is None else f"{number(value)} ({number(low)} to {number(high)})"
