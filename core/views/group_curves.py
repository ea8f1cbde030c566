"""Figure 1 as smooth curves: the density, or the share below, of influence in both groups. At most 400 points a curve."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from core.formats import count
from core.views.charts import layout, shade
from core.views.colours import DIFFERENT, SAME
from core.views.histograms import hit_bars, mark_means
from core.views.probe_groups import Groups, Histogram

Floats = npt.NDArray[np.float64]

POINTS = 400
_FINE = 2048
_FILLS = {SAME: "rgba(230, 159, 0, 0.25)", DIFFERENT: "rgba(0, 114, 178, 0.25)"}


@dataclass(frozen=True)
class Curve:
    """One group's curve: x and y, at most `POINTS` of them; none for an empty group."""

    x: Floats
    y: Floats


def densities(found: Groups) -> tuple[Curve, Curve]:
    """Gaussian kernel density of A and of B; each with its own bandwidth by Silverman's rule, 0.9 min(s, IQR/1.34) n^(−1/5).

    The values are counted on a fine grid first (linear binning), so the cost does not grow with n times the points.
    """
    groups = (found.scores[found.same], found.scores[found.different])
    widths = [bandwidth(values) for values in groups]
    filled = [(values, width) for values, width in zip(groups, widths, strict=True) if len(values)]
    if not filled:
        empty = Curve(np.empty(0), np.empty(0))
        return empty, empty
    low = min(float(values.min()) - 3 * width for values, width in filled)
    high = max(float(values.max()) + 3 * width for values, width in filled)
    same, different = (_density(values, width, low, high) for values, width in zip(groups, widths, strict=True))
    return same, different


def bandwidth(values: Floats) -> float:
    """Silverman's rule of thumb; a hundredth where all values are equal or there is but one."""
    if len(values) < 2:
        return 0.01
    low, high = np.quantile(values, [0.25, 0.75])
    spread = float(values.std(ddof=1))
    robust = float(high - low) / 1.34
    return 0.9 * (min(spread, robust) if robust > 0 else spread) * len(values) ** -0.2 or 0.01


def _density(values: Floats, width: float, low: float, high: float) -> Curve:
    if not len(values):
        return Curve(np.empty(0), np.empty(0))
    step = (high - low) / (_FINE - 1)
    place = np.clip((values - low) / step, 0, _FINE - 1)
    left = np.minimum(place.astype(np.int64), _FINE - 2)
    right_part = place - left
    mass = np.bincount(left, 1 - right_part, _FINE) + np.bincount(left + 1, right_part, _FINE)
    centres = low + step * np.arange(_FINE)
    x = np.linspace(low, high, POINTS)
    kernel = np.exp(-0.5 * ((x[:, None] - centres) / width) ** 2)  # [POINTS, _FINE]
    return Curve(x, kernel @ mass / (len(values) * width * np.sqrt(2 * np.pi)))


def cumulative(found: Groups) -> tuple[Curve, Curve]:
    """The share of A and of B with at most this much influence: every step of a small group, else 400 quantiles."""
    same, different = (_cumulative(found.scores[group]) for group in (found.same, found.different))
    return same, different


def _cumulative(values: Floats) -> Curve:
    n = len(values)
    ordered = np.sort(values)
    places = np.arange(n) if n <= POINTS else np.unique(np.linspace(0, n - 1, POINTS).round().astype(np.int64))
    return Curve(ordered[places], (places + 1) / max(n, 1))


def group_curves(
    style: str,
    found: Groups,
    binned: Histogram,
    *,
    means: tuple[float | None, float | None],
    chosen: tuple[int, int] | None = None,
) -> go.Figure:
    """`density` or `ecdf` of both groups, A orange and B blue, over the bins of the histogram, which can be clicked.

    Parameters and the unseen last trace as in `histograms.two_histograms`.
    """
    curves = densities(found) if style == "density" else cumulative(found)
    top = 1.0 if style == "ecdf" else max((float(one.y.max(initial=0)) for one in curves), default=0.0) or 1.0
    figure = go.Figure()
    for curve, group, colour, name in zip(
        curves,
        (found.same, found.different),
        (SAME, DIFFERENT),
        ("same confound", "different confound"),
        strict=True,
    ):
        figure.add_trace(
            go.Scatter(
                x=curve.x,
                y=curve.y,
                mode="lines",
                name=f"{name} (n = {count(int(group.sum()))})",
                line={"color": colour, "width": 2.5, "shape": "hv" if style == "ecdf" else "linear"},
                fill="tozeroy" if style == "density" else None,
                fillcolor=_FILLS[colour],
                hoverinfo="skip",
            )
        )
    centres, width = (binned.edges[:-1] + binned.edges[1:]) / 2, float(binned.edges[1] - binned.edges[0])
    figure.add_trace(hit_bars(binned, centres, width, top * 1.04, clickable=True))
    mark_means(figure, means)
    if chosen is not None:
        shade(figure, binned.edges[chosen[0]], binned.edges[chosen[1] + 1])
    figure.update_layout(
        **layout(380), bargap=0, clickmode="event+select", dragmode=False, selectdirection="h", hovermode="closest"
    )
    ends = [binned.edges[0] - width / 2, binned.edges[-1] + width / 2]
    figure.update_xaxes(title="Influence on this probe", range=ends, zeroline=True, fixedrange=True)
    figure.update_yaxes(
        title="Density" if style == "density" else "Share with at most this influence",
        tickformat=None if style == "density" else ".0%",
        range=[0, top * 1.1],
        fixedrange=True,
    )
    return figure


def curves_table(style: str, found: Groups) -> pd.DataFrame:
    """The points of both curves, for a CSV."""
    curves = densities(found) if style == "density" else cumulative(found)
    return pd.concat(
        [
            pd.DataFrame({"group": group, "influence": one.x, style: one.y})
            for group, one in zip(("same confound", "different confound"), curves, strict=True)
        ],
        ignore_index=True,
    )
