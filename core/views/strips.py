"""Figure 1 as a strip: every dot a training example. Of a large group a sample is drawn, the same at every visit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from core.formats import count
from core.views.charts import layout, shade
from core.views.colours import CHOSEN, DIFFERENT, NULL, SAME
from core.views.histograms import mark_means
from core.views.probe_groups import Groups, Histogram

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Area = tuple[tuple[float, float], ...]
"""Corners of a drawn area, in the strip's own coordinates."""

MOST = 600
"""Dots of one group: more of them cost a browser more time than a strip gains by them."""
SEED = 2021
CORNERS = 32
_JITTER = 0.36
_AREA = re.compile(r"-?\d(?:[\d.e+-]*),-?\d(?:[\d.e+-]*)(?:;-?\d(?:[\d.e+-]*),-?\d(?:[\d.e+-]*)){2,63}")


@dataclass(frozen=True)
class Strip:
    """Dots: training row, influence, height and whether it is of the same confound, each [D]; of how many of each group."""

    rows: Rows
    x: Floats
    y: Floats
    same: npt.NDArray[np.bool_]
    totals: tuple[int, int]

    @property
    def sampled(self) -> bool:
        """Whether some examples have no dot."""
        return len(self.rows) < sum(self.totals)


def strip(found: Groups, most: int = MOST, seed: int = SEED) -> Strip:
    """At most `most` of each group, drawn without replacement; group A lies around height 1, B around 0."""
    rng = np.random.default_rng(seed)
    parts = []
    for group in (found.same, found.different):
        rows = np.flatnonzero(group)
        parts.append(rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False)))
    rows = np.concatenate(parts)
    same = np.arange(len(rows)) < len(parts[0])
    y = np.where(same, 1.0, 0.0) + rng.uniform(-_JITTER, _JITTER, len(rows))
    return Strip(rows, found.scores[rows], y.round(3), same, (int(found.same.sum()), int(found.different.sum())))


def inside(dots: Strip, area: Area) -> Rows:
    """Training rows of the dots in an area, highest influence first."""
    within = np.zeros(len(dots.rows), dtype=bool)
    corners = np.array(area)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (y0 > dots.y) != (y1 > dots.y)  # a ray to the right meets this side; an odd number of sides is inside
        if crosses.any():
            within ^= crosses & (dots.x < (x1 - x0) * (dots.y - y0) / (y1 - y0 if y1 != y0 else 1.0) + x0)
    place = np.flatnonzero(within)
    rows: Rows = dots.rows[place[np.argsort(-dots.x[place], kind="stable")]]
    return rows


def parse_area(text: str | None) -> Area | None:
    """ "0.1,0;0.2,0;0.2,1" → its corners; anything else is no area."""
    if not text or len(text) > 2000 or _AREA.fullmatch(text) is None:
        return None
    try:
        corners = tuple((float(x), float(y)) for x, y in (pair.split(",") for pair in text.split(";")))
    except ValueError:
        return None
    return corners if np.isfinite(corners).all() else None


def format_area(area: Area) -> str:
    """The inverse of `parse_area`, to three digits behind the first."""
    return ";".join(f"{x:.4g},{y:.3g}" for x, y in area)


def selected_area(selection: Mapping[str, Any], dots: Strip) -> Area | None:
    """What was drawn on a strip: a lasso, thinned to at most 32 corners; a box; or the place of one clicked dot."""
    for drawn in selection.get("lasso", ()):
        corners = list(zip(map(float, drawn["x"]), map(float, drawn["y"]), strict=True))
        if len(corners) >= 3:
            keep = np.unique(np.linspace(0, len(corners) - 1, min(len(corners), CORNERS)).round().astype(int))
            return tuple(corners[place] for place in keep)
    for drawn in selection.get("box", ()):
        (left, right), (low, high) = (sorted(map(float, drawn[axis])) for axis in ("x", "y"))
        return ((left, low), (right, low), (right, high), (left, high))
    for point in selection.get("points", ()):
        row = point.get("customdata")
        row = row[0] if isinstance(row, list) and row else row
        at = np.flatnonzero(dots.rows == row) if isinstance(row, int | float) else np.empty(0, dtype=np.int64)
        if len(at):
            x, y, reach = float(dots.x[at[0]]), float(dots.y[at[0]]), max(float(np.ptp(dots.x)) * 0.002, 1e-6)
            return (
                (x - reach, y - 0.01),
                (x + reach, y - 0.01),
                (x + reach, y + 0.01),
                (x - reach, y + 0.01),
            )
    return None


def strip_figure(
    dots: Strip,
    binned: Histogram,
    *,
    means: tuple[float | None, float | None],
    area: Area | None = None,
    chosen: tuple[int, int] | None = None,
) -> go.Figure:
    """Dots of A (orange, above) and B (blue, below); `customdata` is the training row. `area` is drawn as it was chosen."""
    figure = go.Figure()
    for mask, colour, name, total in (
        (dots.same, SAME, "same confound", dots.totals[0]),
        (~dots.same, DIFFERENT, "different confound", dots.totals[1]),
    ):
        shown = int(mask.sum())
        of = f"{count(shown)} of {count(total)}" if shown < total else f"n = {count(total)}"
        figure.add_trace(
            go.Scatter(
                x=dots.x[mask].astype(np.float32),
                y=dots.y[mask].astype(np.float32),
                customdata=dots.rows[mask],
                mode="markers",
                name=f"{name} ({of})",
                marker={"color": colour, "size": 6, "opacity": 0.55, "line": {"width": 0}},
                hovertemplate="influence %{x:.3f}<extra></extra>",
                selected={"marker": {"opacity": 0.9}},
                unselected={"marker": {"opacity": 0.55}},
            )
        )
    mark_means(figure, means)
    if area is not None:
        path = " L ".join(f"{x},{y}" for x, y in area)
        figure.add_shape(type="path", path=f"M {path} Z", fillcolor=CHOSEN, line={"color": NULL, "width": 1.5})
    if chosen is not None:
        shade(figure, binned.edges[chosen[0]], binned.edges[chosen[1] + 1])
    figure.update_layout(**layout(380, left=64), clickmode="event+select", dragmode="select", hovermode="closest")
    width = float(binned.edges[1] - binned.edges[0]) / 2
    figure.update_xaxes(
        title="Influence on this probe",
        range=[binned.edges[0] - width, binned.edges[-1] + width],
        zeroline=True,
        fixedrange=True,
    )
    figure.update_yaxes(
        range=[-0.55, 1.55], tickvals=[0, 1], ticktext=["different", "same"], zeroline=False, fixedrange=True
    )
    return figure


def strip_table(dots: Strip, ids: Sequence[str]) -> pd.DataFrame:
    """The dots, for a CSV; `ids` of all training rows."""
    names = np.where(dots.same, "same confound", "different confound")
    return pd.DataFrame({"id": [ids[row] for row in dots.rows], "group": names, "influence": dots.x})
