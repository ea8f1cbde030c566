"""CID by layer, drawn: a bar a layer, a map of layers over training, and the table of both."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from core.formats import interval, signed
from core.views.charts import layout, unmarked
from core.views.colours import CID, DIVERGING, NULL
from core.views.layer_shares import Layer, LayersAt

MEASURES = {"share": "Share of CID", "within": "Within the layer"}
ABOUT_MEASURES = {
    "share": "CID splits exactly over the layers: the bars add up to it. A layer with large gradients has a large share.",
    "within": "The CID of the gradients of that layer alone, on the scale of a whole model's CID: how confounded the layer is, "
    "however large its gradients are.",
}


def layer_bars(layers: Sequence[Layer], measure: str = "share") -> go.Figure:
    """A bar per layer, from input to output, with its 95 % interval over probes."""
    names = [unmarked(one.layer) for one in layers]
    values = [one.of(measure)[0] for one in layers]
    intervals = [one.of(measure)[1] for one in layers]
    figure = go.Figure(
        go.Bar(
            x=names,
            y=values,
            marker={"color": CID, "line": {"width": 0}},
            error_y={
                "type": "data",
                "array": [high - value for value, (_, high) in zip(values, intervals, strict=True)],
                "arrayminus": [value - low for value, (low, _) in zip(values, intervals, strict=True)],
                "color": NULL,
                "thickness": 1.5,
                "width": 4,
            },
            text=[
                f"{signed(value, 3)} ({interval(*bounds, 3)})" for value, bounds in zip(values, intervals, strict=True)
            ],
            textposition="none",
            hovertemplate="%{x}<br>%{text}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_layout(
        **layout(300, top=20, right=32, bottom=98),  # names are written slantwise
        bargap=0.3,
        dragmode=False,
    )
    figure.update_xaxes(title="From input to output", fixedrange=True, type="category")
    figure.update_yaxes(title=MEASURES[measure], zeroline=True, rangemode="tozero", fixedrange=True)
    return figure


def layer_map(course: Sequence[LayersAt], chosen: int, measure: str = "share") -> go.Figure:
    """Layers × training step, the output at the top; the chosen step is framed. Steps stand side by side, equally wide."""
    names = list(dict.fromkeys(one.layer for at in course for one in at.layers))
    values = [[_value(at, name, measure) for at in course] for name in names]
    top = max((abs(value) for row in values for value in row if value is not None), default=0.0) or 1.0
    steps = [f"{at.step:,}" for at in course]
    figure = go.Figure(
        go.Heatmap(
            x=steps,
            y=[unmarked(name) for name in names],
            z=values,
            colorscale=DIVERGING,
            zmin=-top,
            zmax=top,
            xgap=1,
            ygap=1,
            hoverongaps=False,
            hovertemplate=f"%{{y}}, step %{{x}}<br>{MEASURES[measure]} %{{z:.3f}}<extra></extra>",
            colorbar={"thickness": 10, "tickformat": ".2f", "outlinewidth": 0},
        )
    )
    place = next((place for place, at in enumerate(course) if at.step == chosen), None)
    if place is not None:
        figure.add_shape(
            type="rect",
            x0=place - 0.5,
            x1=place + 0.5,
            y0=-0.5,
            y1=len(names) - 0.5,
            line={"color": NULL, "width": 2},
        )
    figure.update_layout(**layout(300, top=20, left=90, right=76, bottom=74), dragmode=False)
    figure.update_xaxes(title="Training step", fixedrange=True, type="category", showgrid=False)
    figure.update_yaxes(fixedrange=True, type="category", showgrid=False)
    return figure


def _value(at: LayersAt, name: str, measure: str) -> float | None:
    return next((one.of(measure)[0] for one in at.layers if one.layer == name), None)


def layers_table(course: Sequence[LayersAt]) -> pd.DataFrame:
    """Every layer of every step, for a CSV."""
    return pd.DataFrame(
        [
            {
                "step": at.step,
                "layer": one.layer,
                "cid_share": one.cid,
                "share_low": one.ci[0],
                "share_high": one.ci[1],
                "cid_within": one.within,
                "within_low": one.within_ci[0],
                "within_high": one.within_ci[1],
            }
            for at in course
            for one in at.layers
        ]
    )
