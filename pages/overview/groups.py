"""The run list by seed group: what its finished seeds reached on average, and how far they lie apart."""

from collections.abc import Sequence
from itertools import groupby

import pandas as pd
import streamlit as st

from core.formats import NOTHING, plain
from core.store.queries import RunRow
from core.views.texts import METHODS, help_for
from pages.overview.links import compare_link
from pages.parts.tables import download_csv


def show_groups(runs: Sequence[RunRow]) -> None:
    """One line a group; runs that are in none are left out, and said to be."""
    table = groups_table(runs)
    alone = sum(run.group is None for run in runs)
    if table.empty:
        st.caption("None of these runs is in a seed group. Choose several seeds on the Train page to make one.")
        return
    column = st.column_config
    shares = [name for name in table if str(name).startswith(("Accuracy", "Worst cell"))]
    picked = st.dataframe(
        table.assign(**{name: 100 * table[name] for name in shares}),
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"groups-{'-'.join(table['Group'])[:400]}",
        height=min(38 + 35 * len(table), 560),
        placeholder=NOTHING,
        column_config={
            "Seeds": column.NumberColumn(width="small", help=help_for("seed")),
            "Group": column.TextColumn(help=help_for("seed_group")),
            "Finished": column.NumberColumn(width="small"),
            "Failed to fit": column.NumberColumn(width="small", help=help_for("failed_to_fit")),
            **{name: column.NumberColumn(format="%.1f %%", help=help_for(_term(name))) for name in shares},
            "CID": column.NumberColumn(format="%.2f", help=help_for("cid")),
            "CID, SD": column.NumberColumn(format="%.2f", help=help_for("sd")),
        },
        alt="Seed groups: data set, method, seeds, those that failed to fit, mean and standard deviation of accuracy, "
        "worst cell and CID",
    )
    chosen = [table["Group"].iloc[row] for row in picked.selection.rows if row < len(table)]
    with st.container(horizontal=True, vertical_alignment="center"):
        if chosen:
            st.markdown(f"**{plain(', '.join(chosen))}**", width="content")
            compare_link(groups=chosen)
        elif alone:
            st.caption(f"Left out because they are in no group: {alone:,}.", width="content")
        st.space("stretch")
        download_csv(table, "groups.csv", key="groups-csv")


def _term(name: str) -> str:
    return "sd" if name.endswith("SD") else "worst_cell" if name.startswith("Worst") else "accuracy"


def groups_table(runs: Sequence[RunRow]) -> pd.DataFrame:
    """Mean and standard deviation over each group's finished seeds, those that failed to fit included."""
    order = {name: place for place, name in reversed(list(enumerate(run.group for run in runs)))}
    inside = sorted((run for run in runs if run.group), key=lambda run: order[run.group])
    lines = []
    for name, members in groupby(inside, key=lambda run: run.group):
        there = list(members)
        done = pd.DataFrame(
            [{"a": run.accuracy, "w": run.worst_cell, "c": run.cid} for run in there if run.status == "done"]
        )
        done = done.reindex(columns=["a", "w", "c"]).astype(float)
        lines.append(
            {
                "Group": name,
                "Data set": ", ".join(dict.fromkeys(run.dataset for run in there)),
                "Method": ", ".join(dict.fromkeys(METHODS.get(run.method, run.method) for run in there)),
                "Seeds": len(there),
                "Finished": len(done),
                "Failed to fit": sum(run.failed_to_fit for run in there),
                "Accuracy": done["a"].mean(),
                "Accuracy, SD": done["a"].std(),
                "Worst cell": done["w"].mean(),
                "Worst cell, SD": done["w"].std(),
                "CID": done["c"].mean(),
                "CID, SD": done["c"].std(),
            }
        )
    return pd.DataFrame(lines)
