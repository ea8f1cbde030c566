"""CID over training, drawn."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.formats import interval, signed
from core.views.charts import UNTOUCHED, layout, mark
from core.views.colours import CID, NULL
from core.views.diagnoses import Point

_BAND = "rgba(140, 140, 140, 0.28)"


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
                selected=UNTOUCHED,
                unselected=UNTOUCHED,
            )
        )
    mark(figure, chosen, {"color": NULL, "width": 1, "dash": "dot"}, layer="below")
    figure.update_layout(**layout(330, right=16), clickmode="event+select", dragmode=False, hovermode="closest")
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
        selected=UNTOUCHED,
        unselected=UNTOUCHED,
    )


def _add_band(figure: go.Figure, known: Sequence[Point]) -> None:
    band = [one for one in known if one.null_low is not None and one.null_high is not None]
    if not band:
        return
    x: list[float] = [one.step for one in band]
    low, high = [one.null_low for one in band], [one.null_high for one in band]
    if len(band) == 1:  # a band needs two ends
        x, low, high = [x[0] - 1e6, x[0] + 1e6], low * 2, high * 2
    common = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=x, y=low, showlegend=False, **common))
    figure.add_trace(go.Scatter(x=x, y=high, fill="tonexty", fillcolor=_BAND, name="chance alone, 95 %", **common))


def _add_control(figure: go.Figure, control: Sequence[Point]) -> None:
    x: list[float] = [one.step for one in control]
    y = [one.cid for one in control]
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
