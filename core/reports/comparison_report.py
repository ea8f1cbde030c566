"""The offline report of a comparison: every seed, means with their spread, and what the differences are worth."""

from collections.abc import Sequence
from typing import Any

from core.actions.comparing import GroupComparison, GroupResult, Summary
from core.reports import glossary
from core.reports.document import Figure, document
from core.reports.private import encoder_name, scrubbed
from core.statistics.compare import Spread
from core.statistics.seeds import Estimate
from core.store.tables import now
from core.views.formats import NOTHING, listed, percent, shortened, signed
from core.views.seed_dots import TITLES, Dots, seed_dots
from core.views.texts import METHODS, STATUS


def comparison_report(found: GroupComparison) -> str:
    """A whole HTML document. It holds no texts of examples."""
    names = [group.group for group in found.groups]
    return document(
        "comparison.html",
        title=f"{listed([str(shortened(name, 60)) for name in names], 3)} · Unconfound",
        names=names,
        made=now(),
        found=found,
        rows=[_row(group) for group in found.groups],
        runs=[(group.group, run) for group in found.groups for run in group.runs],
        unfinished=[
            (group.group, run, STATUS.get(run.status, run.status)) for group in found.groups for run in group.unfinished
        ],
        failed=any(group.failed_to_fit for group in found.groups),
        figures=[_figure(found, measure) for measure in TITLES if _known(found, measure)],
        settings=[_setting(one.key, one.values, names) for one in found.configuration],
        notes=[scrubbed(one) for one in found.notes],
        scrubbed=scrubbed,
        span=span,
        glossary=glossary.of_a_comparison(),
    )


def _row(group: GroupResult) -> dict[str, Any]:
    return {
        "name": group.group,
        "method": ", ".join(METHODS.get(one, one) for one in group.method.split(", ")),
        "dataset": group.dataset,
        "encoder": ", ".join(encoder_name(one) for one in group.encoder.split(", ")),
        "n": group.n,
        "failed": group.failed_to_fit,
        "floor": percent(group.floor),
        "tried": group.configurations_tried,
        "all": _summary(group.all),
        "fitted": _summary(group.fitted) if group.failed_to_fit else None,
    }


def _summary(one: Summary) -> dict[str, str]:
    return {
        "accuracy": plus_minus(one.accuracy, 100, 1),
        "interval": span(one.accuracy_interval),
        "worst_cell": plus_minus(one.worst_cell, 100, 1),
        "cid": plus_minus(one.cid, 1, 3),
        "seconds": plus_minus(one.seconds, 1, 0),
    }


def plus_minus(spread: Spread, scale: float, digits: int) -> str:
    """Mean ± sample SD; a single value has no SD."""
    if spread.mean is None:
        return NOTHING
    mean = signed(scale * spread.mean, digits)
    return mean if spread.sd is None else f"{mean} ± {signed(scale * spread.sd, digits)}"


def span(estimate: Estimate | None) -> str:
    """A 95 % interval in percent."""
    return NOTHING if estimate is None else f"{signed(100 * estimate.lo, 1)} to {signed(100 * estimate.hi, 1)}"


def _known(found: GroupComparison, measure: str) -> bool:
    return any(getattr(run, measure) is not None for group in found.groups for run in group.runs)


def _figure(found: GroupComparison, measure: str) -> Figure:
    dots = [
        Dots(
            group.group,
            tuple((run.seed, getattr(run, measure), run.failed_to_fit) for run in group.runs),
            getattr(group.all, measure).mean,
            group.floor if measure == "accuracy" else None,
        )
        for group in found.groups
    ]
    told = listed([f"{shortened(one.name, 60)} {_value(measure, one.mean)}" for one in dots], 12)
    return Figure(seed_dots(dots, measure), f"{TITLES[measure]} of every seed; means: {told}", f"compare-{measure}")


def _value(measure: str, value: float | None) -> str:
    return signed(value, 3) if measure == "cid" else percent(value)


def _setting(key: str, values: dict[str, list[Any]], names: Sequence[str]) -> tuple[str, list[str]]:
    return key, [" or ".join(_setting_value(key, one) for one in values[name]) for name in names]


def _setting_value(key: str, value: Any) -> str:
    return NOTHING if value is None else encoder_name(str(value)) if key == "encoder" else scrubbed(str(value))
