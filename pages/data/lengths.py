"""How many words the texts have, split by split."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

COLOURS = {"train": "#7570B3", "dev": "#009E73", "test": "#8C8C8C"}


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
            fillcolor="rgba(117, 112, 179, 0.25)",
            name=split,
            hovertemplate=f"{split}: %{{y:.1%}} with %{{x}} words or a little more<extra></extra>",
        )
    figure.update_layout(
        height=230,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis={"title": "Words", "rangemode": "tozero"},
        yaxis={"title": "Share of the texts", "tickformat": ".0%", "rangemode": "tozero"},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
    )
    return figure
