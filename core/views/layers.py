"""CID by layer, drawn and in words: where in the model sharing the confound counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.views.charts import layout
from core.views.colours import CID, DIFFERENT, SAME
from core.views.formats import interval, listed, percent, signed

MOST_OF_IT = 2 / 3
LEAST_CID = 0.02
"""Below this CID there is next to nothing to part among layers."""


def in_words(layers: Sequence[Mapping[str, Any]]) -> str:
    """The fewest layers that carry two thirds of CID, and their share of it (plain text)."""
    whole = sum(one["cid"] for one in layers)
    if whole < LEAST_CID:
        return f"CID is {signed(whole)}: there is next to nothing to part among the layers."
    carried, names = 0.0, []
    for one in sorted(layers, key=lambda one: -one["cid"]):
        carried += one["cid"]
        names.append(str(one["layer"]))
        if carried >= MOST_OF_IT * whole:
            break
    said = f"{percent(min(carried / whole, 1.0), 0)} of CID comes from {_named(names, len(layers))}."
    strongest = max(layers, key=lambda one: one["within"])
    return f"{said} By its own gradients {strongest['layer']} is the most confounded ({signed(strongest['within'])})."


def _named(names: Sequence[str], of: int) -> str:
    if len(names) == of:
        return "all layers alike"
    numbers = sorted(int(name.removeprefix("block ")) for name in names if name.startswith("block "))
    blocks = (
        [] if not numbers else [f"block{'s' if len(numbers) > 1 else ''} {listed([str(one) for one in numbers], of)}"]
    )
    others = [name for name in names if not name.startswith("block ")]
    return listed([*blocks, *(f"the {name}" for name in others)], of)


def layer_bars(layers: Sequence[Mapping[str, Any]]) -> go.Figure:
    """A bar a layer, from the input (top) to the output: its share of CID with the 95 % interval over probes."""
    names = [str(one["layer"]) for one in layers]
    cid = np.array([one["cid"] for one in layers])
    low, high = (np.array([one["ci"][side] for one in layers]) for side in (0, 1))
    figure = go.Figure(
        go.Bar(
            y=names,
            x=cid,
            orientation="h",
            marker={"color": CID},
            error_x={"type": "data", "array": high - cid, "arrayminus": cid - low, "thickness": 1.5, "width": 4},
            text=[
                f"share of CID {signed(one['cid'], 3)} ({interval(one['ci'][0], one['ci'][1], 3)})<br>"
                f"within the layer {signed(one['within'], 3)} ({interval(one['within_ci'][0], one['within_ci'][1], 3)})"
                for one in layers
            ],
            textposition="none",
            hovertemplate="%{y}<br>%{text}<extra></extra>",
        )
    )
    figure.update_layout(**layout(max(220, 60 + 28 * len(names))), showlegend=False, dragmode=False)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    figure.update_xaxes(title="Share of CID", fixedrange=True, zeroline=True)
    return figure


def layer_map(by_step: Mapping[int, Sequence[Mapping[str, Any]]]) -> go.Figure:
    """Layers × training steps: each layer's share of CID at each diagnosed checkpoint, orange above 0, blue below."""
    steps = sorted(by_step)
    names = [str(one["layer"]) for one in by_step[steps[-1]]]
    shares = [{str(one["layer"]): one["cid"] for one in by_step[step]} for step in steps]
    values = np.array([[share.get(name, np.nan) for share in shares] for name in names], dtype=float)  # [L, S]
    reach = float(np.nanmax(np.abs(values))) or 1.0
    figure = go.Figure(
        go.Heatmap(
            x=[f"{step:,}" for step in steps],
            y=names,
            z=values,
            zmin=-reach,
            zmax=reach,
            colorscale=[[0, DIFFERENT], [0.5, "rgba(140, 140, 140, 0.12)"], [1, SAME]],
            colorbar={"title": "Share", "thickness": 12},
            xgap=2,
            ygap=2,
            hovertemplate="step %{x}, %{y}<br>share of CID %{z:.3f}<extra></extra>",
        )
    )
    figure.update_layout(**layout(max(220, 60 + 28 * len(names))), dragmode=False)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    figure.update_xaxes(title="Training step", type="category", fixedrange=True)
    return figure
