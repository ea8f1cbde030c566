"""Figures. Each takes numbers that are already counted and returns a plotly figure; none holds an example's text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pages.parts.colours import DIFFERENT, NULL, SAME, TRAIN
from pages.parts.diagnosis_data import Point
from pages.parts.diagnosis_groups import Histogram
from pages.parts.formats import count, interval, percent, signed

CID = "#8E63CE"
"""A model's CID: neither of the two groups' colours. Contrast at least 4 : 1 on white and on the dark ground."""

_BAND = "rgba(140, 140, 140, 0.28)"
_CHOSEN = "rgba(140, 140, 140, 0.25)"
_UNSEEN = "rgba(0, 0, 0, 0)"
_UNTOUCHED = {"marker": {"opacity": 1}}


def config(filename: str, *, select: bool = False) -> dict[str, Any]:
    """Plotly's tool bar: the camera saves a PNG of three times the size under a telling name."""
    unwanted = ["lasso2d", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"] + (
        [] if select else ["select2d"]
    )
    return {
        "displaylogo": False,
        "modeBarButtonsToRemove": unwanted,
        "toImageButtonOptions": {"format": "png", "scale": 3, "filename": safe_filename(filename)},
    }


def unmarked(text: str) -> str:
    """Somebody's text for a figure: plotly reads tags in labels, so the signs of a tag are written as entities."""
    return escape(text, quote=False)


def safe_filename(name: str) -> str:
    """Letters, digits, dot, dash and underscore only."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:120] or "figure"


def trajectory(
    points: Sequence[Point], *, chosen: int, control: Sequence[Point] = (), waiting: Sequence[int] = ()
) -> go.Figure:
    """CID with its interval against training step, over the null band; the control dashed; the `chosen` step large.

    What can be clicked carries its step as `customdata`. `waiting`: steps of checkpoints without a diagnosis.
    """
    known = [one for one in points if one.cid is not None]
    steps = [one.step for one in known]
    figure = go.Figure()
    _add_band(figure, known)
    if control:
        _add_control(figure, control)
    figure.add_trace(_cid_line(known, steps, chosen))
    if waiting:
        figure.add_trace(
            go.Scatter(
                x=list(waiting),
                y=[0.0] * len(waiting),
                customdata=list(waiting),
                mode="markers",
                marker={"symbol": "circle-open", "size": 9, "color": NULL, "line": {"width": 2}},
                name="not diagnosed",
                hovertemplate="step %{x}: not diagnosed yet<extra></extra>",
                selected=_UNTOUCHED,
                unselected=_UNTOUCHED,
            )
        )
    figure.add_vline(x=chosen, line={"color": NULL, "width": 1, "dash": "dot"}, layer="below")
    figure.update_layout(**_layout(330), clickmode="event+select", dragmode=False, hovermode="closest")
    everything = [*steps, *waiting] or [chosen]
    pad = max((max(everything) - min(everything)) * 0.06, 0.02 * max(everything), 2.0)
    figure.update_xaxes(
        title="Training step", range=[min(everything) - pad, max(everything) + pad], fixedrange=True, tickformat=",d"
    )
    figure.update_yaxes(title="CID", zeroline=True, rangemode="tozero", fixedrange=True)
    return figure


def _cid_line(known: Sequence[Point], steps: list[int], chosen: int) -> go.Scatter:
    cid = np.array([one.cid for one in known], dtype=float)
    low = np.array([one.cid if one.ci_low is None else one.ci_low for one in known], dtype=float)
    high = np.array([one.cid if one.ci_high is None else one.ci_high for one in known], dtype=float)
    sizes = np.where(np.array(steps) == chosen, 15, 8)
    return go.Scatter(
        x=steps,
        y=cid,
        customdata=steps,
        mode="lines+markers",
        line={"color": CID, "width": 2},
        marker={"color": CID, "size": sizes, "line": {"width": 0}, "opacity": 1},
        error_y={
            "type": "data",
            "array": high - cid,
            "arrayminus": cid - low,
            "color": CID,
            "thickness": 1.5,
            "width": 5,
        },
        text=[f"CID {signed(one.cid, 3)} ({interval(one.ci_low, one.ci_high, 3)})" for one in known],
        hovertemplate="step %{x}<br>%{text}<extra></extra>",
        name="this run, 95 % interval",
        selected=_UNTOUCHED,
        unselected=_UNTOUCHED,
    )


def _add_band(figure: go.Figure, known: Sequence[Point]) -> None:
    band = [one for one in known if one.null_low is not None and one.null_high is not None]
    if not band:
        return
    x = [one.step for one in band]
    low, high = [one.null_low for one in band], [one.null_high for one in band]
    if len(band) == 1:  # a band needs two ends
        x, low, high = [x[0] - 1e6, x[0] + 1e6], low * 2, high * 2
    common = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=x, y=low, showlegend=False, **common))
    figure.add_trace(go.Scatter(x=x, y=high, fill="tonexty", fillcolor=_BAND, name="chance alone, 95 %", **common))


def _add_control(figure: go.Figure, control: Sequence[Point]) -> None:
    x, y = [one.step for one in control], [one.cid for one in control]
    if len(control) == 1:  # its level, as far as the curve goes
        x, y = [-1e6, 1e6], y * 2
    figure.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": NULL, "width": 2, "dash": "dash"},
            name="no-spurious control",
            hovertemplate="control<br>CID %{y:.3f}<extra></extra>",
        )
    )


def two_histograms(
    found: Histogram,
    *,
    means: tuple[float | None, float | None],
    share: bool,
    chosen: tuple[int, int] | None = None,
    axis: str = "Influence on this probe",
    beside: Histogram | None = None,
) -> go.Figure:
    """The paper's Figure 1 for one probe: group A (same confound, orange) over group B (different confound, blue).

    `share`: each bar as a part of its group, so that a small group is not lost beside a large one; else counts.
    `means`: of A and B, marked by lines. `chosen`: first and last of the bins that are marked.
    `beside`: the histogram of a figure that stands next to this one to be compared: both axes get the same height, and
    nothing is offered to click.
    The last trace is unseen and as high as the figure: it makes a bin easy to hit and answers for both groups. Its
    `customdata` is the bin.
    """
    centres, width = (found.edges[:-1] + found.edges[1:]) / 2, float(found.edges[1] - found.edges[0])
    same, different = _heights(found, share)
    drawn = [same, different, *(_heights(beside, share) if beside else ())]
    top = float(max(part.max(initial=0) for part in drawn)) * 1.04 or 1.0
    figure = go.Figure()
    inside = np.zeros(len(centres), dtype=bool)
    if chosen is not None:
        inside[chosen[0] : chosen[1] + 1] = True
    for values, colour, name in (
        (same, SAME, f"same confound (n = {count(int(found.same.sum()))})"),
        (different, DIFFERENT, f"different confound (n = {count(int(found.different.sum()))})"),
    ):
        strength = np.where(inside, 0.85, 0.3) if chosen is not None else np.full(len(centres), 0.62)
        figure.add_trace(
            go.Bar(
                x=centres,
                y=values,
                width=width,
                name=name,
                marker={"color": colour, "opacity": strength, "line": {"color": colour, "width": 0.5}},
                hoverinfo="skip",
            )
        )
    figure.add_trace(_hit_bars(found, centres, width, top, clickable=beside is None))
    _mark_means(figure, means)
    if chosen is not None:
        figure.add_vrect(
            x0=found.edges[chosen[0]], x1=found.edges[chosen[1] + 1], fillcolor=_CHOSEN, line_width=0, layer="below"
        )
    figure.update_layout(
        **_layout(380),
        barmode="overlay",
        bargap=0,
        clickmode="event+select",
        dragmode=False,  # with a box to draw, clicks would not select; the tool bar switches to it
        selectdirection="h",
        hovermode="closest",
    )
    figure.update_xaxes(
        title=axis, range=[found.edges[0] - width / 2, found.edges[-1] + width / 2], zeroline=True, fixedrange=True
    )
    figure.update_yaxes(
        title="Share of the group" if share else "Training examples",
        tickformat=".0%" if share else ",d",
        range=[0, top * 1.1],
        fixedrange=True,
    )
    return figure


def _heights(found: Histogram, share: bool) -> tuple[np.ndarray, np.ndarray]:
    """Bars of both groups: shares of the group, or counts."""
    groups = (found.same, found.different)
    same, different = (part / max(int(part.sum()), 1) if share else part.astype(float) for part in groups)
    return same, different


def _hit_bars(found: Histogram, centres: np.ndarray, width: float, top: float, *, clickable: bool) -> go.Bar:
    filled = found.filled
    n_same, n_different = max(int(found.same.sum()), 1), max(int(found.different.sum()), 1)
    return go.Bar(
        x=centres[filled],
        y=[top] * len(filled),
        width=width,
        customdata=filled,
        marker={"color": _UNSEEN, "line": {"width": 0}},
        showlegend=False,
        name="",
        text=[
            f"<b>{interval(found.edges[place], found.edges[place + 1])}</b><br>"
            f"same confound: {count(int(found.same[place]))} ({percent(found.same[place] / n_same)})<br>"
            f"different: {count(int(found.different[place]))} ({percent(found.different[place] / n_different)})"
            + ("<br><i>click to list them</i>" if clickable else "")
            for place in filled
        ],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
        selected=_UNTOUCHED,
        unselected=_UNTOUCHED,
    )


def _mark_means(figure: go.Figure, means: tuple[float | None, float | None]) -> None:
    order = sorted((value, colour) for value, colour in zip(means, (SAME, DIFFERENT), strict=True) if value is not None)
    for place, (value, colour) in enumerate(order):
        figure.add_vline(
            x=value,
            line={"color": colour, "width": 2.5, "dash": "dash"},
            annotation={
                "text": f"mean {signed(value)}",
                "xanchor": "left" if place else "right",
                "yanchor": "bottom",
                "showarrow": False,
            },
            annotation_position="top",
        )


@dataclass(frozen=True)
class RoundCurve:
    """A round as it is drawn, by tuning step: J at some of its steps, and CID before it and after its epochs.

    after: the label step it followed, None where that is not known yet.
    """

    first: int
    after: int | None
    loss: tuple[tuple[int, float], ...]
    cid: tuple[tuple[float, float], ...]


def round_curves(rounds: Sequence[RoundCurve]) -> go.Figure:
    """J, and below it CID where it was measured, by tuning step. Lines are broken between rounds, where label steps
    change the model; a dotted line marks each round's beginning."""
    with_cid = any(one.cid for one in rounds)
    figure = make_subplots(rows=1 + with_cid, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    drawn = [("J", TRAIN, [one.loss for one in rounds])]
    if with_cid:
        drawn.append(("CID", CID, [one.cid for one in rounds]))
    for row, (name, colour, parts) in enumerate(drawn, 1):
        broken = [point for part in parts for point in (*part, (None, None))]
        figure.add_scatter(
            x=[x for x, _ in broken],
            y=[y for _, y in broken],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 4 if name == "J" else 7},
            hovertemplate=f"tuning step %{{x:.0f}}<br>{name} %{{y:.3g}}<extra></extra>",
            showlegend=False,
            row=row,
            col=1,
        )
        figure.update_yaxes(title=name, rangemode="tozero", row=row, col=1)
    for one in rounds[:: -(-len(rounds) // _MOST_MARKS) or 1]:
        figure.add_shape(
            type="line",
            **{"x0": one.first - 0.5, "x1": one.first - 0.5, "y0": 0, "y1": 1, "xref": "x", "yref": "paper"},
            line={"color": NULL, "width": 1, "dash": "dot"},
            layer="below",
        )
    for one in rounds[:: -(-len(rounds) // _MOST_NAMED) or 1]:
        figure.add_annotation(
            text="now" if one.after is None else f"label step {one.after}",
            **{"x": one.first - 0.5, "xref": "x", "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "bottom"},
            showarrow=False,
            font={"color": NULL, "size": 12},
        )
    figure.update_layout(height=420 if with_cid else 280, margin={"l": 0, "r": 8, "t": 24, "b": 0}, hovermode="closest")
    figure.update_xaxes(title="Tuning step", row=1 + with_cid, col=1)
    return figure


_MOST_MARKS, _MOST_NAMED = 200, 7


def _layout(height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 10, "r": 10, "t": 50, "b": 10},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.06, "x": 0, "traceorder": "normal"},
    }
