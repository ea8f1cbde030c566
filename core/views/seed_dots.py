"""Groups side by side, every seed a dot: what a mean alone would hide."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.views.charts import unmarked
from core.views.colours import CID, DEV, NULL, WORST

COLOURS = {"accuracy": DEV, "worst_cell": WORST, "cid": CID}
TITLES = {"accuracy": "Accuracy", "worst_cell": "Accuracy in the worst cell", "cid": "CID"}


@dataclass(frozen=True)
class Dots:
    """One group: its name, the value of each seed (None where there is none), their mean, and the floor."""

    name: str
    values: tuple[tuple[int, float | None, bool], ...]
    """Seed, value, whether the run failed to fit."""
    mean: float | None
    floor: float | None = None


def seed_dots(groups: Sequence[Dots], measure: str) -> go.Figure:
    """A line a group: a dot a seed (open: failed to fit), a bar at the mean, a grey bar at the confound-only floor."""
    figure = go.Figure()
    rows = list(range(len(groups)))
    digits = ".3f" if measure == "cid" else ".1%"
    for fitted, name, symbol in ((True, "one seed", "circle"), (False, "failed to fit", "circle-open")):
        dots = [
            (value, row, seed)
            for row, group in enumerate(groups)
            for seed, value, failed in group.values
            if value is not None and failed is not fitted
        ]
        if dots:
            figure.add_scatter(
                x=[value for value, _, _ in dots],
                y=[row for _, row, _ in dots],
                customdata=[seed for _, _, seed in dots],
                mode="markers",
                name=name,
                cliponaxis=False,
                marker={
                    "size": 11,
                    "symbol": symbol,
                    "color": COLOURS[measure],
                    "opacity": 0.75,
                    "line": {"width": 2, "color": COLOURS[measure]},
                },
                hovertemplate=f"seed %{{customdata}}: %{{x:{digits}}}<extra></extra>",
            )
    marks = [("mean", [group.mean for group in groups], COLOURS[measure])]
    if measure != "cid":
        marks.append(("confound alone", [group.floor for group in groups], NULL))
    for name, values, colour in marks:
        known = [(value, row) for row, value in enumerate(values) if value is not None]
        if known:
            figure.add_scatter(
                x=[value for value, _ in known],
                y=[row for _, row in known],
                mode="markers",
                name=name,
                marker={"symbol": "line-ns", "size": 24, "line": {"width": 3, "color": colour}},
                hovertemplate=f"{name}: %{{x:{digits}}}<extra></extra>",
            )
    figure.update_layout(
        height=110 + 44 * len(groups),
        margin={"l": 10, "r": 20, "t": 40, "b": 10},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
    )
    figure.update_xaxes(title=TITLES[measure], tickformat=".2f" if measure == "cid" else ".0%", automargin=True)
    figure.update_yaxes(
        tickvals=rows,
        ticktext=[unmarked(group.name[:40]) for group in groups],
        range=[len(groups) - 0.5, -0.5],
        automargin=True,
        zeroline=False,
    )
    return figure
