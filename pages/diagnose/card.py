"""The pinned probe: its text, its cell, its figures, and what they say in words."""

import pandas as pd
import streamlit as st

from core.formats import NOTHING, count, plain, shortened, signed
from core.views.texts import help_for

CARD_CHARACTERS = 700


def show_card(probe: pd.Series) -> None:
    """The pinned probe: its text, its cell, and its figures with the tests named."""
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
        "CID": signed(number(probe, "cid"), 3),
        "n same / different": f"{count(int(probe['n_a']))} / {count(int(probe['n_b']))}",
        "mean same / different": f"{signed(number(probe, 'mean_a'), 3)} / {signed(number(probe, 'mean_b'), 3)}",
        "Hedges' g": signed(number(probe, "hedges_g")),
        "Cliff's δ": signed(number(probe, "cliffs_delta")),
        "Welch's t": signed(number(probe, "welch_t"), 1),
        "q (Benjamini–Yekutieli)": small(number(probe, "q")),
    }
    return pd.DataFrame({"value": rows.values()}, index=list(rows))


def in_words(probe: pd.Series) -> str:
    """One or two sentences on one probe, as Markdown."""
    cid = number(probe, "cid")
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
    g = number(probe, "hedges_g")
    if g is None:
        return f"{said} There are too few of them for a test."
    return f"{said} That is {_strength(g)} effect (Hedges' g {signed(g)}, q {small(number(probe, 'q'), 'is ')})."


def _strength(g: float) -> str:
    for least, word in ((0.8, "a large"), (0.5, "a medium"), (0.2, "a small")):
        if abs(g) >= least:
            return word
    return "a negligible"


def in_figures(probe: pd.Series) -> str:
    """The caption of Figure 1: n, means, effect and q, as text."""
    a, b = number(probe, "mean_a"), number(probe, "mean_b")
    return (
        f"n = {count(int(probe['n_a']))} same, {count(int(probe['n_b']))} different · "
        f"means {signed(a, 3)} and {signed(b, 3)} · "
        f"Hedges' g {signed(number(probe, 'hedges_g'))}, Cliff's δ {signed(number(probe, 'cliffs_delta'))} · "
        f"q {small(number(probe, 'q'), '= ')} (Welch's t, Benjamini–Yekutieli)"
    )


def small(value: float | None, equals: str = "") -> str:
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{equals}{value:.3f}"


def number(probe: pd.Series, name: str) -> float | None:
    value = probe.get(name)
    return None if value is None or pd.isna(value) else float(value)
