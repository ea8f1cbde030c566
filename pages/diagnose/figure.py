"""Figure 1 for the pinned probe: two histograms, what they say in words, and the choice of bins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core.views.diagnoses import Point
from core.views.formats import NOTHING, count, counted, interval, plain, shortened, signed
from core.views.histograms import two_histograms
from core.views.probe_groups import Groups, Histogram, groups, histogram
from core.views.texts import help_for
from pages.diagnose.link import asked, format_bins
from pages.parts.address import go_to
from pages.parts.diagnosis_data import examples, matrix
from pages.parts.saving import config

KEY = "diagnose-histograms"
SCALES = {"share": "Share of group", "count": "Counts"}
CARD_CHARACTERS = 700


@dataclass(frozen=True)
class Shown:
    """The pinned probe with its groups, their histogram and the chosen bins."""

    probe: pd.Series
    train: pd.DataFrame
    groups: Groups
    histogram: Histogram
    bins: tuple[int, int] | None


def prepare(dataset_id: str, point: Point, probe: pd.Series) -> Shown:
    """Read the probe's column of the matrix and bin it."""
    held, column = matrix(point.id), int(probe["index"])
    train = examples(dataset_id)["train"]
    found = groups(held.scores[:, column], int(held.probe_row[column]), train, probe["label"], probe["confound"])
    binned = histogram(found)
    bins = asked().bins
    if bins is not None and bins[1] >= len(binned.edges) - 1:
        bins = None
    return Shown(probe, train, found, binned, bins)


def show_card(shown: Shown) -> None:
    """The pinned probe: its text, its cell, and its figures with the tests named."""
    probe = shown.probe
    with st.container(border=True, key="diagnose-probe"):
        with st.container(horizontal=True):
            st.badge("Pinned probe", icon=":material/keep:", color="gray", help=help_for("probe"))
        st.text(shortened(probe["text"], CARD_CHARACTERS) or "This example is not in the data set any more.")
        if isinstance(probe["text_b"], str):
            st.text(shortened(probe["text_b"], CARD_CHARACTERS))
        st.caption(f"Label **{plain(probe['label'])}** · confound **{plain(probe['confound'])}**")
        st.table(_numbers(probe), border="horizontal", hide_header=True, alt="The probe's figures and tests")


def _numbers(probe: pd.Series) -> pd.DataFrame:
    rows = {
        "CID": signed(_number(probe, "cid"), 3),
        "n same / different": f"{count(int(probe['n_a']))} / {count(int(probe['n_b']))}",
        "mean same / different": f"{signed(_number(probe, 'mean_a'), 3)} / {signed(_number(probe, 'mean_b'), 3)}",
        "Hedges' g": signed(_number(probe, "hedges_g")),
        "Cliff's δ": signed(_number(probe, "cliffs_delta")),
        "Welch's t": signed(_number(probe, "welch_t"), 1),
        "q (Benjamini–Yekutieli)": _small(_number(probe, "q")),
    }
    return pd.DataFrame({"value": rows.values()}, index=list(rows))


def show_figure(shown: Shown, name: str) -> None:
    """The histograms, what they say, and a picker of bins for those who do not point."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("Who speaks for this decision?", anchor=False, help=help_for("influence"))
        scale = asked().scale if asked().scale in SCALES else "share"
        st.session_state["diagnose-scale"] = scale
        st.segmented_control(
            "Bars show",
            list(SCALES),
            format_func=SCALES.get,
            key="diagnose-scale",
            on_change=_scale,
            label_visibility="collapsed",
            required=True,
        )
    st.markdown(in_words(shown.probe))
    probe = shown.probe
    st.plotly_chart(
        two_histograms(
            shown.histogram,
            means=(_number(probe, "mean_a"), _number(probe, "mean_b")),
            share=scale == "share",
            chosen=shown.bins,
        ),
        key=KEY,
        on_select=lambda: _picked(shown.histogram),
        selection_mode=("points", "box"),
        config=config(name, select=True),
        alt=f"Two histograms of influence on the probe. {in_words(probe).replace('*', '')}",
    )
    _bin_picker(shown)


def in_words(probe: pd.Series) -> str:
    """One or two sentences on one probe, as Markdown."""
    cid = _number(probe, "cid")
    label, confound = plain(probe["label"]), plain(probe["confound"])
    if cid is None:
        return (
            f"This probe has no CID: of the training examples of the label **{label}**, {count(int(probe['n_a']))} "
            f"share its confound value **{confound}** and {count(int(probe['n_b']))} have another. Both are needed."
        )
    way = "more" if round(cid, 2) >= 0 else "less"
    size = abs(cid)
    said = (
        f"Among training examples of the label **{label}**, the {count(int(probe['n_a']))} that share **{confound}** "
        f"(orange) speak **{signed(size)} {way}** for this decision than the {count(int(probe['n_b']))} that don't (blue)."
    )
    g = _number(probe, "hedges_g")
    if g is None:
        return f"{said} There are too few of them for a test."
    return f"{said} That is {_strength(g)} effect (Hedges' g {signed(g)}, q {_small(_number(probe, 'q'), 'is ')})."


def _strength(g: float) -> str:
    for least, word in ((0.8, "a large"), (0.5, "a medium"), (0.2, "a small")):
        if abs(g) >= least:
            return word
    return "a negligible"


def _small(value: float | None, equals: str = "") -> str:
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{equals}{value:.3f}"


def _number(probe: pd.Series, name: str) -> float | None:
    value = probe.get(name)
    return None if value is None or pd.isna(value) else float(value)


def _scale() -> None:
    chosen = st.session_state["diagnose-scale"]
    go_to(scale=None if chosen == "share" else chosen)


def _picked(found: Histogram) -> None:
    bins = selected_bins(st.session_state[KEY]["selection"], found)
    if bins is not None:  # nothing is selected whenever the figure is drawn anew; that is no choice
        go_to(bin=format_bins(bins), show=None)


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
        on_change=lambda: go_to(bin=st.session_state["diagnose-bin"], show=None),
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
