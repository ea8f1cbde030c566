"""The paper's Figure 1, drawn: the influence on one probe of those that share its confound and of those that don't."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.formats import count, interval, percent, signed
from core.views.charts import UNTOUCHED, layout, mark, shade
from core.views.colours import DIFFERENT, SAME
from core.views.probe_groups import Histogram

_UNSEEN = "rgba(0, 0, 0, 0)"


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
    figure.add_trace(hit_bars(found, centres, width, top, clickable=beside is None))
    mark_means(figure, means)
    if chosen is not None:
        shade(figure, found.edges[chosen[0]], found.edges[chosen[1] + 1])
    figure.update_layout(
        **layout(380),
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


def hit_bars(found: Histogram, centres: np.ndarray, width: float, top: float, *, clickable: bool) -> go.Bar:
    """Unseen bars as high as the figure, one a bin that holds anything: easy to hit, and they say what is in the bin."""
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
        selected=UNTOUCHED,
        unselected=UNTOUCHED,
    )


def mark_means(figure: go.Figure, means: tuple[float | None, float | None]) -> None:
    """A dashed line at each group's mean."""
    order = sorted((value, colour) for value, colour in zip(means, (SAME, DIFFERENT), strict=True) if value is not None)
    for place, (value, colour) in enumerate(order):
        mark(
            figure,
            value,
            {"color": colour, "width": 2.5, "dash": "dash"},
            text=f"mean {signed(value)}",
            xanchor="left" if place else "right",
        )


def bins_table(found: Histogram) -> pd.DataFrame:
    """The bins of both groups, for a CSV."""
    return pd.DataFrame(
        {
            "from": found.edges[:-1],
            "to": found.edges[1:],
            "same_confound": found.same,
            "different_confound": found.different,
        }
    )
