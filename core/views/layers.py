"""CID by layer, for people: what a diagnosis kept of it, where the confound lives in words, and both figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.formats import interval, listed, percent, signed
from core.views.charts import layout, unmarked
from core.views.colours import CID, DIVERGING, NULL

MEASURES = {"share": "Share of CID", "within": "Within the layer"}
ABOUT_MEASURES = {
    "share": "CID splits exactly over the layers: the bars add up to it. A layer with large gradients has a large share.",
    "within": "The CID of the gradients of that layer alone, on the scale of a whole model's CID: how confounded the layer is, "
    "however large its gradients are.",
}
_MAIN = 0.6
_AGAINST = 0.05


@dataclass(frozen=True)
class Layer:
    """One layer of one diagnosis: its share of CID and the CID within it, with 95 % intervals over probes."""

    layer: str
    cid: float
    ci: tuple[float, float]
    within: float
    within_ci: tuple[float, float]

    def of(self, measure: str) -> tuple[float, tuple[float, float]]:
        """The number and interval of a measure: `share` or `within`."""
        return (self.within, self.within_ci) if measure == "within" else (self.cid, self.ci)


@dataclass(frozen=True)
class LayersAt:
    """The layers of the diagnosis at a step, from input to output."""

    step: int
    layers: tuple[Layer, ...]


def layers_of(report: Mapping[str, Any]) -> tuple[Layer, ...]:
    """The layers that a diagnosis's report holds; none where influence was not kept by layer."""
    return read_layers(report.get("layers"))


def read_layers(kept: Sequence[Mapping[str, Any]] | None) -> tuple[Layer, ...]:
    """The layers as they are kept in a report."""
    return tuple(
        Layer(str(one["layer"]), one["cid"], tuple(one["ci"]), one["within"], tuple(one["within_ci"]))
        for one in kept or ()
    )


def where_it_lives(layers: Sequence[Layer], cid: float | None, null: Sequence[float | None] | None) -> str:
    """One or two sentences: which layers CID comes from, which pull the other way, and which layer leans most by itself."""
    if not layers:
        return ""
    if cid is None or cid == 0 or _like_chance(cid, null):
        return "CID is no larger than chance alone gives, so no layer can be said to hold the confound."
    ranked = sorted(layers, key=lambda one: one.cid / cid, reverse=True)
    chosen: list[Layer] = []
    while ranked and sum(one.cid for one in chosen) / cid < _MAIN:
        chosen.append(ranked.pop(0))
    inside = [one for one in layers if one in chosen]  # from input to output
    share = sum(one.cid for one in chosen) / cid
    said = f"{percent(share, 0)} of CID comes from {_names(inside)}."
    against = [one for one in layers if one.cid / cid < -_AGAINST]
    if against:
        back = percent(-sum(one.cid for one in against) / cid, 0)
        said += f" {_capital(_names(against))} {'pull' if _many(against) else 'pulls'} the other way and take{'' if _many(against) else 's'} {back} back."
    leaning = max(layers, key=lambda one: one.within / cid)
    return f"{said} Taken by itself, {_names([leaning])} {'lean' if _many([leaning]) else 'leans'} most ({signed(leaning.within)})."


def _like_chance(cid: float, null: Sequence[float | None] | None) -> bool:
    if null is None or len(null) != 2 or null[0] is None or null[1] is None:
        return False
    return null[0] <= cid <= null[1]


def _names(layers: Sequence[Layer]) -> str:
    """blocks 4 and 5; the pooler and block 5."""
    numbers = [one.layer.removeprefix("block ") for one in layers if one.layer.startswith("block ")]
    others = [f"the {one.layer}" for one in layers if not one.layer.startswith("block ")]
    blocks = [f"block {numbers[0]}"] if len(numbers) == 1 else [f"blocks {listed(numbers, 8)}"] if numbers else []
    return listed([*others, *blocks], 8)


def _many(layers: Sequence[Layer]) -> bool:
    return len(layers) > 1 or layers[0].layer.endswith("s")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


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
    figure.update_layout(**layout(300), bargap=0.3, dragmode=False)
    figure.update_layout(margin={"t": 20, "r": 30})  # the last name is written slantwise
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
    figure.update_layout(**layout(300), dragmode=False)
    figure.update_layout(margin={"t": 20})
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
