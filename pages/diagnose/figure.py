"""Figure 1 for the pinned probe, in four styles; what it says in words, and the choice of bins or of an area."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.formats import count, counted, interval
from core.views.diagnoses import Point
from core.views.group_curves import curves_table, group_curves
from core.views.histograms import bins_table, two_histograms
from core.views.probe_groups import Bools, Groups, Histogram, groups, histogram
from core.views.strips import (
    MOST,
    Area,
    Strip,
    format_area,
    parse_area,
    selected_area,
    strip,
    strip_figure,
    strip_table,
)
from core.views.texts import help_for
from pages.diagnose.card import in_figures, in_words, number
from pages.diagnose.link import asked, format_bins
from pages.parts.address import go_to
from pages.parts.diagnosis_data import examples, matrix
from pages.parts.saving import config
from pages.parts.tables import download_csv

KEY = "diagnose-histograms"
SCALES = {"share": "Share of group", "count": "Counts"}
STYLES = {"histogram": "Histogram", "density": "Density", "ecdf": "ECDF", "strip": "Strip"}
ABOUT_STYLES = {
    "histogram": "Bars: how many of each group have so much influence.",
    "density": "Gaussian kernel, each group with its own bandwidth by Silverman's rule.",
    "ecdf": "The height is the share of the group with at most this much influence.",
    "strip": "Every dot is a training example; only its place from left to right counts. Draw a box, or a lasso from the tool "
    "bar, to list the dots inside.",
}


@dataclass(frozen=True)
class Shown:
    """The pinned probe with its groups, their histogram, and what of it is chosen: bins, or an area of the strip."""

    probe: pd.Series
    dataset_id: str
    train: pd.DataFrame
    groups: Groups
    histogram: Histogram
    style: str
    bins: tuple[int, int] | None
    dots: Strip | None
    area: Area | None
    found: Bools | None = None
    """Training rows that have the words which are looked for; None where none are."""


def prepare(dataset_id: str, point: Point, probe: pd.Series) -> Shown:
    """Read the probe's column of the matrix and bin it."""
    held, column, link = matrix(point.id), int(probe["index"]), asked()
    train = examples(dataset_id)["train"]
    found = groups(held.scores[:, column], int(held.probe_row[column]), train, probe["label"], probe["confound"])
    binned = histogram(found)
    style = link.style if link.style in STYLES else "histogram"
    dots = strip(found) if style == "strip" else None
    area = parse_area(link.area) if dots is not None else None
    bins = link.bins if area is None else None
    if bins is not None and bins[1] >= len(binned.edges) - 1:
        bins = None
    return Shown(probe, dataset_id, train, found, binned, style, bins, dots, area)


def show_figure(shown: Shown, name: str) -> None:
    """The figure, what it says, and a picker of bins for those who do not point."""
    st.subheader("Who speaks for this decision?", anchor=False, help=help_for("influence"))
    scale = asked().scale if asked().scale in SCALES else "share"
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        _switch("Drawn as", STYLES, "diagnose-style", shown.style, _style)
        if shown.style == "histogram":
            _switch("Bars show", SCALES, "diagnose-scale", scale, _scale)
    said = in_words(shown.probe)
    st.markdown(said)
    st.plotly_chart(
        _drawn(shown, scale),
        key=KEY if shown.style != "strip" else f"{KEY}-strip",
        on_select=lambda: _picked(shown),
        selection_mode=("points", "box", "lasso") if shown.style == "strip" else ("points", "box"),
        config=config(f"{name}-{shown.style}", select=True, lasso=shown.style == "strip"),
        alt=f"{STYLES[shown.style]} of influence on the probe, two groups. {in_figures(shown.probe)}. "
        f"{said.replace('*', '')}",
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"{in_figures(shown.probe)}. {_about(shown)}", width="stretch")
        download_csv(lambda: _table(shown), f"{name}-{shown.style}.csv", key="diagnose-figure-csv")
    _bin_picker(shown)


def _switch(label: str, options: Mapping[str, str], key: str, chosen: str, on_change: Any) -> None:
    st.session_state[key] = chosen
    st.segmented_control(
        label,
        list(options),
        format_func=options.get,
        key=key,
        on_change=on_change,
        label_visibility="collapsed",
        required=True,
    )


def _drawn(shown: Shown, scale: str) -> go.Figure:
    means = (number(shown.probe, "mean_a"), number(shown.probe, "mean_b"))
    if shown.dots is not None:
        return strip_figure(shown.dots, shown.histogram, means=means, area=shown.area, chosen=shown.bins)
    if shown.style == "histogram":
        return two_histograms(shown.histogram, means=means, share=scale == "share", chosen=shown.bins)
    return group_curves(shown.style, shown.groups, shown.histogram, means=means, chosen=shown.bins)


def _about(shown: Shown) -> str:
    said = ABOUT_STYLES[shown.style]
    if shown.dots is not None and shown.dots.sampled:
        said += (
            f" {count(len(shown.dots.rows))} of {count(sum(shown.dots.totals))} are drawn, at most {MOST} of each group, "
            "the same at every visit."
        )
    return said


def _table(shown: Shown) -> pd.DataFrame:
    if shown.dots is not None:
        return strip_table(shown.dots, shown.train["id"].to_numpy())
    if shown.style == "histogram":
        return bins_table(shown.histogram)
    return curves_table(shown.style, shown.groups)


def _style() -> None:
    chosen = st.session_state["diagnose-style"]
    go_to(style=None if chosen == "histogram" else chosen, area=None)


def _scale() -> None:
    chosen = st.session_state["diagnose-scale"]
    go_to(scale=None if chosen == "share" else chosen)


def _picked(shown: Shown) -> None:
    """What was selected goes into the address. Nothing is selected whenever the figure is drawn anew: that is no choice."""
    if shown.dots is not None:
        area = selected_area(st.session_state[f"{KEY}-strip"]["selection"], shown.dots)
        if area is not None:
            go_to(area=format_area(area), bin=None, show=None)
        return
    bins = selected_bins(st.session_state[KEY]["selection"], shown.histogram)
    if bins is not None:
        go_to(bin=format_bins(bins), area=None, show=None)


def selected_bins(selection: Mapping[str, Any], found: Histogram) -> tuple[int, int] | None:
    """First and last bin of a selection: the unseen bars that were clicked, or all that a drawn box touches."""
    chosen = {int(place) for point in selection["points"] for place in _scalars(point.get("customdata"))}
    for box in selection["box"]:
        low, high = sorted(float(edge) for edge in box["x"])
        chosen.update(place for place in found.filled if low < found.edges[place + 1] and high > found.edges[place])
    inside = chosen.intersection(found.filled)
    return (min(inside), max(inside)) if inside else None


def _scalars(customdata: object) -> list[float]:
    values = customdata if isinstance(customdata, list) else [customdata]
    return [value for value in values if isinstance(value, int | float)]


def _bin_picker(shown: Shown) -> None:
    found = shown.histogram
    lines = {str(place): bin_line(found, place, place) for place in found.filled}
    if shown.bins is not None:
        lines.setdefault(format_bins(shown.bins), bin_line(found, *shown.bins))
    st.session_state["diagnose-bin"] = None if shown.bins is None else format_bins(shown.bins)
    st.selectbox(
        "Bin of influence",
        list(lines),
        index=None,
        format_func=lambda key: lines[key],
        key="diagnose-bin",
        on_change=lambda: go_to(bin=st.session_state["diagnose-bin"], area=None, show=None),
        placeholder="Click a bar above, or choose here",
        help="Lists the training examples whose influence on this probe lies in the bin. For several bins at once take the "
        "box from the figure's tool bar and drag.",
    )


def bin_line(found: Histogram, first: int, last: int) -> str:
    """A bin, or several, in words: its range and how many of each group it holds."""
    same, different = int(found.same[first : last + 1].sum()), int(found.different[first : last + 1].sum())
    return (
        f"{interval(found.edges[first], found.edges[last + 1], 3)}: "
        f"{counted(same, 'example')} with the same confound, {counted(different, 'with another', 'with another')}"
    )
