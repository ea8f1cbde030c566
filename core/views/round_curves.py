"""What happens within tuning rounds, drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.views.colours import CID, NULL, TRAIN

_MOST_MARKS, _MOST_NAMED = 200, 7


@dataclass(frozen=True)
class RoundCurve:
    """A round as it is drawn, by tuning step: J at some of its steps, and CID before it and after its epochs.

    after: the label step it followed, None where that is not known yet.
    """

    first: int
    after: int | None
    loss: tuple[tuple[float, float], ...]
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
    figure.update_layout(
        height=420 if with_cid else 280, margin={"l": 68, "r": 8, "t": 24, "b": 66}, hovermode="closest"
    )
    figure.update_xaxes(title="Tuning step", row=1 + with_cid, col=1)
    return figure
