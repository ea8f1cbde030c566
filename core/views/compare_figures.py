"""Groups of seeds beside each other, drawn: every seed, CID over training, access rates, cost beside quality."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import plotly.graph_objects as go

from core.actions.comparison import GroupComparison, GroupResult, Summary
from core.actions.courses import Course, Source
from core.actions.seed_groups import SeedResult
from core.formats import duration, percent, signed
from core.statistics.compare import Spread
from core.views.charts import layout, room_for, unmarked
from core.views.colours import GROUPS, NULL, SIGNS
from core.views.texts import METHODS

_BAND = "rgba(140, 140, 140, 0.28)"
_NAME = 30


@dataclass(frozen=True)
class Measure:
    """Something that every seed has a value of. floor: whether the confound-only floor belongs beside it."""

    title: str
    term: str
    share: bool
    floor: bool
    of_run: Callable[[SeedResult], float | None]
    of_group: Callable[[Summary], Spread]

    def written(self, value: float | None) -> str:
        """A value as people read it."""
        return percent(value) if self.share else signed(value, 3)


MEASURES: Mapping[str, Measure] = {
    "accuracy": Measure("Accuracy", "wilson", True, True, lambda run: run.accuracy, lambda of: of.accuracy),
    "worst_cell": Measure(
        "Worst cell", "worst_cell", True, False, lambda run: run.worst_cell, lambda of: of.worst_cell
    ),
    "balanced_accuracy": Measure(
        "Balanced accuracy",
        "balanced_accuracy",
        True,
        True,
        lambda run: run.balanced_accuracy,
        lambda of: of.balanced_accuracy,
    ),
    "cid": Measure("CID", "cid", False, False, lambda run: run.cid, lambda of: of.cid),
}


def short(name: str) -> str:
    """A group's name for an axis: one line, safe for plotly."""
    line = " ".join(name.split())
    return unmarked(line if len(line) <= _NAME else f"{line[: _NAME - 1]}…")


def colour(place: int) -> str:
    """Of the group at a place."""
    return GROUPS[place % len(GROUPS)]


def every_seed(groups: Sequence[GroupResult], measure: Measure) -> go.Figure:
    """A dot for every seed and a bar for mean ± SD of each group, over the floor and the control's mean.

    Runs that failed to fit are crosses. A hover names the run.
    """
    figure = go.Figure()
    height = 110 + 62 * len(groups)
    for place, group in enumerate(groups):
        row = -place
        _add_spread(figure, measure.of_group(group.all), row, measure)
        known = [(run, value) for run in group.runs if (value := measure.of_run(run)) is not None]
        for failed in (False, True):
            drawn = [(run, value) for run, value in known if run.failed_to_fit is failed]
            if drawn:
                figure.add_scatter(
                    x=[value for _, value in drawn],
                    y=[row + shift for shift in _shifts(len(drawn))],
                    mode="markers",
                    marker={
                        "color": colour(place),
                        "size": 10,
                        "symbol": "x" if failed else SIGNS[place % len(SIGNS)],
                        "opacity": 0.85,
                    },
                    text=[
                        f"{unmarked(run.run[:80])}, seed {run.seed}: {measure.written(value)}"
                        + (" (failed to fit)" if failed else "")
                        for run, value in drawn
                    ],
                    hovertemplate="%{text}<extra></extra>",
                    showlegend=False,
                )
    _add_floor(figure, groups, measure)
    _add_control(figure, groups, measure)
    _add_legend(figure, groups, measure)
    names = [short(group.group) for group in groups]
    figure.update_layout(**layout(height, left=room_for(names)), hovermode="closest", dragmode=False)
    figure.update_xaxes(
        title=measure.title, tickformat="~%" if measure.share else None, fixedrange=True, zeroline=not measure.share
    )
    figure.update_yaxes(
        tickvals=[-place for place in range(len(groups))],
        ticktext=names,
        range=[-len(groups) + 0.4, 0.6],
        automargin=True,
        fixedrange=True,
        zeroline=False,
        showgrid=False,
    )
    return figure


def _shifts(n: int) -> list[float]:
    """Heights within a row, so that seeds with the same value stay apart; the same at every drawing."""
    pattern = (0.0, 0.16, -0.16, 0.08, -0.08)
    return [pattern[place % len(pattern)] if n > 1 else 0.0 for place in range(n)]


def _add_spread(figure: go.Figure, spread: Spread, row: int, measure: Measure) -> None:
    if spread.mean is None:
        return
    figure.add_scatter(
        x=[spread.mean],
        y=[row + 0.32],
        mode="markers",
        marker={"symbol": "line-ns", "size": 12, "line": {"width": 3, "color": NULL}},
        error_x={"type": "data", "array": [spread.sd or 0.0], "thickness": 2.5, "width": 6, "color": NULL},
        hovertemplate=f"mean {measure.written(spread.mean)}"
        + ("" if spread.sd is None else f" ± {measure.written(spread.sd)}")
        + "<extra></extra>",
        showlegend=False,
    )


def _add_floor(figure: go.Figure, groups: Sequence[GroupResult], measure: Measure) -> None:
    """Each group's own floor across its row; where all have the same, one line."""
    if not measure.floor:
        return
    x: list[float | None] = []
    y: list[float | None] = []
    for place, group in enumerate(groups):
        if group.floor is not None:
            x += [group.floor, group.floor, None]
            y += [-place - 0.5, -place + 0.5, None]
    if x:
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": NULL, "dash": "dash", "width": 1.5},
            name="confound alone (floor)",
            hoverinfo="skip",
        )


def _add_control(figure: go.Figure, groups: Sequence[GroupResult], measure: Measure) -> None:
    """The control's mean as a line through all rows."""
    for place, group in enumerate(groups):
        mean = measure.of_group(group.all).mean
        if group.is_control and mean is not None:
            figure.add_scatter(
                x=[mean, mean],
                y=[-len(groups) + 0.4, 0.6],
                mode="lines",
                line={"color": colour(place), "dash": "dot", "width": 2},
                name="no-spurious control",
                hoverinfo="skip",
            )


def _add_legend(figure: go.Figure, groups: Sequence[GroupResult], measure: Measure) -> None:
    marks: list[tuple[str, str]] = [("a seed", "circle")]
    if any(run.failed_to_fit and measure.of_run(run) is not None for group in groups for run in group.runs):
        marks.append(("failed to fit", "x"))
    for name, symbol in marks:
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=name, marker={"symbol": symbol, "size": 10, "color": NULL}
        )
    figure.add_scatter(
        x=[None], y=[None], mode="lines", name="mean ± SD", line={"color": NULL, "width": 3}, hoverinfo="skip"
    )


# --- CID over training ---


def courses_figure(groups: Sequence[GroupResult], courses: Sequence[Course], source: Source) -> go.Figure:
    """The paper's Figure 3: CID by training step, a thin line for each seed, a thick one for a group's mean where all
    its seeds were measured, over what chance alone gives (the widest band at each step)."""
    figure = go.Figure()
    shown = [one for one in courses if one.source == source]
    _add_band(figure, shown)
    for place, group in enumerate(groups):
        mine = [one for one in shown if one.group == group.group]
        if not mine:
            continue
        for one in mine:
            figure.add_scatter(
                x=[point.step for point in one.points],
                y=[point.cid for point in one.points],
                mode="lines+markers" if len(mine) == 1 or len(one.points) == 1 else "lines",
                line={"color": colour(place), "width": 1, "dash": "dot" if one.failed_to_fit else "solid"},
                marker={"size": 5, "symbol": SIGNS[place % len(SIGNS)]},
                opacity=0.45,
                text=[f"{unmarked(one.run[:80])}: {signed(point.cid, 3)}" for point in one.points],
                hovertemplate="step %{x}<br>%{text}<extra></extra>",
                showlegend=False,
            )
        means = mean_course(mine)
        figure.add_scatter(
            x=[step for step, _ in means],
            y=[value for _, value in means],
            mode="lines+markers",
            line={"color": colour(place), "width": 3},
            marker={"size": 9, "symbol": SIGNS[place % len(SIGNS)]},
            name=short(group.group),
            hovertemplate=f"{short(group.group)}<br>step %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    figure.update_layout(**layout(400), hovermode="closest", dragmode=False)
    steps = [point.step for one in shown for point in one.points] or [0]
    pad = max((max(steps) - min(steps)) * 0.04, 0.02 * max(steps), 2.0)
    figure.update_xaxes(
        title="Training step", tickformat=",d", range=[min(steps) - pad, max(steps) + pad], fixedrange=True
    )
    figure.update_yaxes(title="CID", zeroline=True, rangemode="tozero", fixedrange=True)
    return figure


def mean_course(courses: Sequence[Course]) -> list[tuple[int, float]]:
    """Mean CID over seeds at the steps where every seed has one."""
    by_step: dict[int, list[float]] = {}
    for one in courses:
        for point in one.points:
            by_step.setdefault(point.step, []).append(point.cid)
    return [(step, fmean(values)) for step, values in sorted(by_step.items()) if len(values) == len(courses)]


def _add_band(figure: go.Figure, courses: Sequence[Course]) -> None:
    by_step: dict[int, list[tuple[float, float]]] = {}
    for one in courses:
        for point in one.points:
            if point.null_lo is not None and point.null_hi is not None:
                by_step.setdefault(point.step, []).append((point.null_lo, point.null_hi))
    if not by_step:
        return
    x: list[float] = sorted(by_step)
    low = [min(lo for lo, _ in by_step[int(step)]) for step in x]
    high = [max(hi for _, hi in by_step[int(step)]) for step in x]
    if len(x) == 1:  # a band needs two ends
        x, low, high = [x[0] - 1e6, x[0] + 1e6], low * 2, high * 2
    common: dict[str, Any] = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_scatter(x=x, y=low, showlegend=False, **common)
    figure.add_scatter(x=x, y=high, fill="tonexty", fillcolor=_BAND, name="chance alone, 95 %", **common)


# --- access rate, cost ---


def access_figure(found: GroupComparison) -> go.Figure:
    """The paper's Table 3 as lines: accuracy by access rate, a line for each method's means, a dot for each seed, and
    finetuning, which knows nothing of the confound, as a level."""
    figure = go.Figure()
    by_name = {group.group: group for group in found.groups}
    methods = list(dict.fromkeys(one.method for one in found.access))
    for place, method in enumerate(methods):
        mine = [one for one in found.access if one.method == method]
        dots = [(one.access_rate, run) for one in mine for run in by_name[one.group].runs]
        figure.add_scatter(
            x=[rate for rate, _ in dots],
            y=[run.accuracy for _, run in dots],
            mode="markers",
            marker={"color": colour(place), "size": 7, "opacity": 0.5, "symbol": SIGNS[place % len(SIGNS)]},
            text=[f"{unmarked(run.run[:80])}: {percent(run.accuracy)}" for _, run in dots],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
        figure.add_scatter(
            x=[one.access_rate for one in mine],
            y=[one.accuracy.mean for one in mine],
            mode="lines+markers",
            line={"color": colour(place), "width": 2.5},
            marker={"size": 10, "symbol": SIGNS[place % len(SIGNS)]},
            name=METHODS.get(method, method),
            hovertemplate="access rate %{x}: %{y:.1%}<extra></extra>",
        )
    for group in found.groups:
        if group.method == "finetune" and not group.is_control and group.all.accuracy.mean is not None:
            figure.add_scatter(
                x=[0, 1],
                y=[group.all.accuracy.mean] * 2,
                mode="lines",
                line={"color": NULL, "dash": "dash", "width": 2},
                name=short(group.group),
                hoverinfo="skip",
            )
    figure.update_layout(**layout(380), hovermode="closest", dragmode=False)
    figure.update_xaxes(
        title="Access rate: share of each cell whose confound is known",
        tickformat=".0%",
        range=[0, 1.04],
        fixedrange=True,
    )
    figure.update_yaxes(title=f"Accuracy on {unmarked(found.split)}", tickformat="~%", fixedrange=True)
    return figure


def cost_figure(groups: Sequence[GroupResult], split: str) -> go.Figure:
    """Accuracy against seconds: a faint sign for each seed, a large one for the group's means."""
    figure = go.Figure()
    for place, group in enumerate(groups):
        timed = [run for run in group.runs if run.seconds is not None]
        if not timed:
            continue
        sign = {"color": colour(place), "symbol": SIGNS[place % len(SIGNS)]}
        figure.add_scatter(
            x=[run.seconds for run in timed],
            y=[run.accuracy for run in timed],
            mode="markers",
            marker={**sign, "size": 7, "opacity": 0.45},
            text=[f"{unmarked(run.run[:80])}: {percent(run.accuracy)}, {duration(run.seconds)}" for run in timed],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
        figure.add_scatter(
            x=[group.all.seconds.mean],
            y=[group.all.accuracy.mean],
            mode="markers",
            marker={**sign, "size": 16},
            name=short(group.group),
            hovertemplate=f"{short(group.group)}: %{{y:.1%}} in {duration(group.all.seconds.mean)}<extra></extra>",
        )
    figure.update_layout(**layout(380, left=82), hovermode="closest", dragmode=False)
    figure.update_xaxes(title="Seconds a run", rangemode="tozero", tickformat=",d", fixedrange=True)
    figure.update_yaxes(title=f"Accuracy on {unmarked(split)}", tickformat="~%", fixedrange=True)
    return figure
