"""Runs that tell little or nothing: failed, cancelled, unfinished, failed to fit."""

import streamlit as st

from core.actions.comparison import GroupComparison
from core.formats import counted
from core.views.compare_tables import without_result
from core.views.texts import help_for
from pages.parts.tables import download_csv


def show_left_out(found: GroupComparison) -> None:
    """The table with the reasons; nothing where every run has a result."""
    table = without_result(found.groups)
    if table.empty:
        return
    st.subheader("Failed and unfinished runs", anchor=False, help=help_for("failed_to_fit"))
    st.caption(
        f"{counted(len(table), 'run')}. Unfinished ones are left out of every figure; those that failed to fit are shown as "
        "crosses, and means and tests are given with and without them."
    )
    st.dataframe(
        table,
        hide_index=True,
        height=min(38 + 35 * len(table), 320),
        alt="Runs without a result, or that failed to fit, with their reason",
    )
    download_csv(table, "comparison-left-out.csv", key="compare-left-out-csv")
