"""What a run did step by step: loss, and accuracy beside the floor that the confound alone reaches."""

import pandas as pd
import plotly.graph_objects as go

from pages.parts.colours import DEV, NULL, TRAIN, WORST

MOST_POINTS = 600
_LAYOUT = {
    "height": 280,
    "margin": {"l": 0, "r": 8, "t": 8, "b": 0},
    "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
    "hovermode": "x unified",
}


def series(metrics: pd.DataFrame, name: str) -> pd.DataFrame:
    """Columns step, value of one metric, thinned to what a screen can show; the last point always stays."""
    found = metrics.loc[metrics["name"] == name, ["step", "value"]]
    every = max(1, -(-len(found) // MOST_POINTS))
    return found.iloc[sorted({*range(0, len(found), every), *([len(found) - 1] if len(found) else [])})]


def loss_figure(metrics: pd.DataFrame, total: int | None) -> go.Figure:
    """The label loss of each step, faint, and its running mean."""
    figure = go.Figure()
    loss = series(metrics, "label_loss")
    figure.add_scatter(
        x=loss["step"],
        y=loss["value"],
        mode="lines",
        name="each step",
        opacity=0.35,
        line={"color": TRAIN, "width": 1},
    )
    if len(loss) > 5:
        smooth = loss["value"].ewm(span=max(3, len(loss) // 15)).mean()
        figure.add_scatter(
            x=loss["step"], y=smooth, mode="lines", name="running mean", line={"color": TRAIN, "width": 2.5}
        )
    figure.update_layout(
        **_LAYOUT,
        xaxis={"title": "Label step", "range": [0, total] if total else None},
        yaxis={"title": "Loss", "rangemode": "tozero"},
    )
    return figure


def accuracy_figure(metrics: pd.DataFrame, total: int | None, floor: float | None) -> go.Figure:
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
    figure.update_layout(
        **_LAYOUT,
        xaxis={"title": "Label step", "range": [0, total] if total else None},
        yaxis={"title": "Accuracy", "tickformat": ".0%", "range": [0, 1.02]},
    )
    return figure
