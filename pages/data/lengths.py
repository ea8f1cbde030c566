"""How many words the texts have, split by split."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from core.views.colours import DEV, TEST, TRAIN

COLOURS = {"train": TRAIN, "dev": DEV, "test": TEST}


def lengths_figure(splits: Mapping[str, Any]) -> go.Figure:
    """Share of each split's texts by number of words; the bins come from the profile, so no text reaches the browser."""
    figure = go.Figure()
    for split, about in splits.items():
        histogram = about["lengths"]["words"]["histogram"]
        edges, counts = histogram["edges"], histogram["counts"]
        figure.add_scatter(
            x=edges,
            y=[n / about["n"] for n in [*counts, counts[-1]]],
            mode="lines",
            line={"shape": "hv", "width": 2, "color": COLOURS[split]},
            fill="tozeroy" if split == "train" else None,
            fillcolor="rgba(138, 127, 208, 0.25)",
            name=split,
            hovertemplate=f"{split}: %{{y:.1%}} with %{{x}} words or a little more<extra></extra>",
        )
    figure.update_layout(
        height=230,
        margin={"l": 66, "r": 0, "t": 34, "b": 58},
        xaxis={"title": "Words", "rangemode": "tozero"},
        yaxis={"title": "Share of the texts", "tickformat": ".0%", "rangemode": "tozero"},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
    )
    return figure
