"""Every two groups by every measure, as a table."""

import streamlit as st

from core.actions.comparison import GroupComparison
from core.views.compare_tables import pairs_shown, pairs_table
from core.views.texts import help_for
from pages.parts.tables import download_csv


def show_pairs(found: GroupComparison) -> None:
    """Folded away: the sentences above tell what counts."""
    if len(found.groups) < 2:
        return
    with st.expander("Every two groups, every measure"):
        kinds = {"With all runs": found.comparisons.all}
        if any(group.failed_to_fit for group in found.groups):
            kinds["Without the runs that failed to fit"] = found.comparisons.fitted
        for title, differences in kinds.items():
            if len(kinds) > 1:
                st.markdown(f"**{title}**")
            st.dataframe(
                pairs_shown(differences),
                hide_index=True,
                height=min(38 + 35 * len(differences), 460),
                column_config={
                    "Difference": st.column_config.TextColumn(
                        help="Mean of the first group less that of the second: points of accuracy, or CID."
                    ),
                    "95 %, seeds": st.column_config.TextColumn(
                        help="Of the t-test: how it would move with other seeds."
                    ),
                    "95 %, seeds and examples": st.column_config.TextColumn(
                        help="Seeds and, for both groups together, test examples are drawn anew, 2,000 times. Only where "
                        "both were evaluated on the same examples."
                    ),
                    "p": st.column_config.TextColumn(help=f"{found.test}, before any correction."),
                    "Holm p, all pairs": st.column_config.TextColumn(
                        help="Corrected for testing every pair by this measure."
                    ),
                    "Hedges' g": st.column_config.TextColumn(help=help_for("effect")),
                },
                alt="Tests between every two groups: difference, intervals, p-values, effect size",
            )
        download_csv(pairs_table(found), "comparison-tests.csv", key="compare-tests-csv")
