"""What a run did label step by label step: losses, CID, and accuracy beside the floor that the confound alone reaches.

`marks` are the label steps that a tuning round followed.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.views.colours import CID, DEV, NULL, TRAIN, WORST

MOST_POINTS = 600
MOST_MARKS = 200
_LAYOUT = {
    "height": 280,
    "margin": {"l": 80, "r": 8, "t": 42, "b": 66},  # see core.views.charts.layout
    "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
    "hovermode": "x unified",
}


def series(metrics: pd.DataFrame, name: str) -> pd.DataFrame:
    """Columns step, value of one metric, thinned to what a screen can show; the last point always stays."""
    found = metrics.loc[metrics["name"] == name, ["step", "value"]]
    every = max(1, -(-len(found) // MOST_POINTS))
    return found.iloc[sorted({*range(0, len(found), every), *([len(found) - 1] if len(found) else [])})]


def loss_figure(
    metrics: pd.DataFrame,
    total: int | None,
    marks: Sequence[int] = (),
    *,
    name: str = "label_loss",
    title: str = "Loss",
    colour: str = TRAIN,
) -> go.Figure:
    """A loss of each step, faint, and its running mean."""
    figure = go.Figure()
    loss = series(metrics, name)
    figure.add_scatter(
        x=loss["step"],
        y=loss["value"],
        mode="lines",
        name="each step",
        opacity=0.35,
        line={"color": colour, "width": 1},
    )
    if len(loss) > 5:
        smooth = loss["value"].ewm(span=max(3, len(loss) // 15)).mean()
        figure.add_scatter(
            x=loss["step"], y=smooth, mode="lines", name="running mean", line={"color": colour, "width": 2.5}
        )
    _mark_rounds(figure, marks)
    figure.update_layout(**_LAYOUT, xaxis=_label_steps(total), yaxis={"title": title, "rangemode": "tozero"})
    return figure


def cid_figure(metrics: pd.DataFrame, total: int | None, marks: Sequence[int] = ()) -> go.Figure:
    """CID at each point of the run's own curve."""
    figure = go.Figure()
    found = series(metrics, "cid")
    figure.add_scatter(
        x=found["step"],
        y=found["value"],
        name="CID",
        mode="lines+markers",
        line={"color": CID, "width": 2.5},
        marker={"size": 7},
        hovertemplate="%{y:.3f}",
        cliponaxis=False,
    )
    _mark_rounds(figure, marks)
    figure.update_layout(
        **_LAYOUT, showlegend=bool(marks), xaxis=_label_steps(total), yaxis={"title": "CID", "rangemode": "tozero"}
    )
    return figure


def accuracy_figure(
    metrics: pd.DataFrame, total: int | None, floor: float | None, marks: Sequence[int] = ()
) -> go.Figure:
    """Training accuracy (running), dev accuracy and dev's worst cell at each checkpoint, and the floor on dev."""
    figure = go.Figure()
    lines = (
        ("running_accuracy", "train, running", TRAIN, "lines", "solid"),
        ("dev_accuracy", "dev", DEV, "lines+markers", "solid"),
        ("dev_worst_cell", "dev, worst cell", WORST, "lines+markers", "dot"),
    )
    for name, title, colour, mode, dash in lines:
        found = series(metrics, name)
        if len(found):
            figure.add_scatter(
                x=found["step"],
                y=found["value"],
                name=title,
                mode=mode,
                line={"color": colour, "width": 2.5, "dash": dash},
                marker={"size": 8},
                hovertemplate="%{y:.1%}",
            )
    if floor is not None:
        figure.add_hline(
            y=floor,
            line={"color": NULL, "dash": "dash", "width": 1.5},
            annotation={"text": "confound alone, dev", "font": {"color": NULL}},
            annotation_position="bottom right",
        )
    _mark_rounds(figure, marks)
    figure.update_layout(
        **_LAYOUT,
        xaxis=_label_steps(total),
        yaxis={"title": "Accuracy", "tickformat": ".0%", "range": [0, 1.02]},
    )
    return figure


def _label_steps(total: int | None) -> dict[str, Any]:
    return {"title": "Label step", "range": [0, total] if total else None}


def _mark_rounds(figure: go.Figure, marks: Sequence[int]) -> None:
    """A dotted line at each mark (of very many, at every so many), and a name for them in the legend."""
    if not marks:
        return
    line = {"color": NULL, "width": 1, "dash": "dot"}
    upright = {"type": "line", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "line": line, "layer": "below"}
    shown = marks[:: -(-len(marks) // MOST_MARKS)]
    figure.update_layout(shapes=[*figure.layout.shapes, *({**upright, "x0": step, "x1": step} for step in shown)])
    figure.add_scatter(x=[None], y=[None], mode="lines", line=line, name="tuning round", hoverinfo="skip")
