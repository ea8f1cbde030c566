"""Accuracy by how much of the confound a method may know: the paper's Table 3."""

import streamlit as st

from core.actions.comparison import GroupComparison
from core.formats import percent, plain
from core.views.compare_figures import access_figure
from core.views.compare_tables import access_table
from core.views.texts import METHODS
from pages.parts.saving import config
from pages.parts.tables import download_csv


def show_access(found: GroupComparison) -> None:
    """Nothing where the groups do not differ in their access rate."""
    if not found.access:
        return
    st.subheader(
        "How much has to be known",
        anchor=False,
        help="The access rate is the share of each label × confound cell whose confound the method may know while it "
        "trains: what somebody would have to label.",
    )
    words = in_words(found)
    st.caption(plain(words))
    st.plotly_chart(
        access_figure(found),
        key="compare-access",
        config=config("compare-access-rate"),
        alt=f"Accuracy on {found.split} by access rate, a line for each method, a dot for each seed. {words}",
    )
    download_csv(access_table(found), "comparison-access-rates.csv", key="compare-access-csv")


def in_words(found: GroupComparison) -> str:
    """The lowest and the highest rate of each method."""
    parts = []
    for method in dict.fromkeys(one.method for one in found.access):
        mine = [one for one in found.access if one.method == method]
        told = (
            f"{METHODS.get(method, method)} has {percent(mine[0].accuracy.mean)} with {mine[0].access_rate:.0%} known"
        )
        if len(mine) > 1:
            told += f", {percent(mine[-1].accuracy.mean)} with {mine[-1].access_rate:.0%}"
        parts.append(told)
    return "; ".join(parts).replace("%", " %").replace("  %", " %") + "."
