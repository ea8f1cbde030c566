"""The offline report of a comparison: every seed, means with their spread, and what the differences are worth."""

from collections.abc import Sequence
from typing import Any

from core.actions.comparison import GroupComparison, GroupResult, Summary
from core.formats import NOTHING, listed, percent, shortened, signed
from core.reports import glossary
from core.reports.document import Figure, document
from core.reports.private import encoder_name, scrubbed
from core.statistics.seeds import Estimate
from core.store.tables import now
from core.views.compare_figures import MEASURES, courses_figure, every_seed
from core.views.compare_tables import method_title, plus_minus
from core.views.texts import STATUS

_DRAWN = ("accuracy", "worst_cell", "cid")


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
            (group.group, run, STATUS.get(run.status, run.status), shortened(scrubbed(run.reason or ""), 200))
            for group in found.groups
            for run in group.unfinished
        ],
        failed=any(group.failed_to_fit for group in found.groups),
        verdict=found.verdict,
        figures=[_figure(found, measure) for measure in _DRAWN if _known(found, measure)],
        courses=_courses(found),
        settings=[_setting(one.key, one.values, names) for one in found.configuration],
        notes=[scrubbed(one) for one in found.notes],
        scrubbed=scrubbed,
        span=span,
        glossary=glossary.of_a_comparison(),
    )


def _row(group: GroupResult) -> dict[str, Any]:
    return {
        "name": group.group,
        "method": method_title(group),
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


def span(estimate: Estimate | None) -> str:
    """A 95 % interval in percent."""
    return NOTHING if estimate is None else f"{signed(100 * estimate.lo, 1)} to {signed(100 * estimate.hi, 1)}"


def _known(found: GroupComparison, measure: str) -> bool:
    return any(getattr(run, measure) is not None for group in found.groups for run in group.runs)


def _figure(found: GroupComparison, name: str) -> Figure:
    measure = MEASURES[name]
    means = [(group.group, measure.of_group(group.all).mean) for group in found.groups]
    told = listed([f"{shortened(group, 60)} {measure.written(mean)}" for group, mean in means], 12)
    return Figure(every_seed(found.groups, measure), f"{measure.title} of every seed; means: {told}", f"compare-{name}")


def _courses(found: GroupComparison) -> Figure | None:
    """CID over training by diagnoses, where any run has been diagnosed more than once."""
    if not any(one.source == "diagnoses" and len(one.points) > 1 for one in found.courses):
        return None
    return Figure(
        courses_figure(found.groups, found.courses, "diagnoses"),
        "CID by training step: a thin line for each seed, a thick one for the mean of a group, over what chance alone gives",
        "compare-cid-over-training",
    )


def _setting(key: str, values: dict[str, list[Any]], names: Sequence[str]) -> tuple[str, list[str]]:
    return key, [" or ".join(_setting_value(key, one) for one in values[name]) for name in names]


def _setting_value(key: str, value: Any) -> str:
    return NOTHING if value is None else encoder_name(str(value)) if key == "encoder" else scrubbed(str(value))
