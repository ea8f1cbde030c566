"""What the comparison comes to, in words, and the methods side by side."""

from typing import cast

import streamlit as st

from core.actions.comparison import GroupComparison
from core.actions.seed_groups import Split
from core.formats import plain
from core.views.compare_tables import methods_shown, methods_table
from core.views.texts import help_for
from pages.parts.tables import download_csv
from pages.parts.taking_home import comparison_report_button


def show_summary(found: GroupComparison) -> None:
    """The headline, what else counts, and mean ± SD of each group."""
    with st.container(border=True, key="compare-verdict"):
        st.subheader(plain(found.verdict[0]), anchor=False)
        if len(found.verdict) > 1:
            st.markdown(plain(" ".join(found.verdict[1:])))
    table = methods_shown(found)
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={
            "Group": st.column_config.TextColumn(pinned=True, width="medium"),
            "Failed to fit": st.column_config.TextColumn(help=help_for("failed_to_fit")),
            "Accuracy, %": st.column_config.TextColumn(help="Mean over seeds ± sample standard deviation."),
            "95 %": st.column_config.TextColumn(
                help="Of the mean accuracy in percent: seeds and examples are both drawn anew, 2,000 times."
            ),
            "Worst cell, %": st.column_config.TextColumn(help=help_for("worst_cell")),
            "Balanced, %": st.column_config.TextColumn(help=help_for("balanced_accuracy")),
            "CID": st.column_config.TextColumn(help=help_for("cid")),
            "Floor, %": st.column_config.TextColumn(help=help_for("floor")),
            "Tried": st.column_config.TextColumn(
                help="Configurations tried: different settings, apart from the seed, among all runs of this data set "
                "and method. What was tried more often looks better by selection alone."
            ),
        },
        alt=f"Mean and standard deviation over seeds of each group on {found.split}. " + found.verdict[0],
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"On {plain(found.split)}; mean ± sample standard deviation over seeds.", width="content")
        download_csv(methods_table(found), "comparison-methods.csv", key="compare-methods-csv")
        comparison_report_button(
            *(group.group for group in found.groups), baseline=found.baseline, split=cast(Split, found.split)
        )
