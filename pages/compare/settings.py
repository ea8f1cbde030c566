"""Settings that are not the same in all groups: a difference in accuracy may be one of settings."""

import streamlit as st

from core.actions.comparison import GroupComparison
from core.formats import counted
from core.views.compare_tables import settings_table
from pages.parts.tables import download_csv


def show_settings(found: GroupComparison) -> None:
    """The table, or that there is no difference."""
    if len(found.groups) < 2 and not found.configuration:
        return
    st.subheader("Settings that differ", anchor=False)
    if not found.configuration:
        st.caption("All settings but method and seed are the same.")
        return
    st.caption(f"{counted(len(found.configuration), 'setting')}; all others are the same in every run.")
    table = settings_table([group.group for group in found.groups], found.configuration)
    st.dataframe(
        table,
        hide_index=True,
        height=min(38 + 35 * len(table), 460),
        alt="Settings that are not the same in all groups, with the values of each",
    )
    download_csv(table, "comparison-settings.csv", key="compare-settings-csv")
