"""Every run in one table; a chosen line offers where to go."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.store.queries import RunRow
from core.views.formats import NOTHING, plain
from core.views.texts import METHODS, STATUS, VERDICTS, help_for
from pages.parts.tables import download_csv


def show_runs(runs: Sequence[RunRow]) -> None:
    """The run list with links to Diagnose."""
    st.subheader("Runs", anchor=False)
    frame = pd.DataFrame([_line(run) for run in runs])
    shares = ["Accuracy", "Confound alone", "Worst cell"]
    share = st.column_config.NumberColumn
    picked = st.dataframe(
        frame.assign(**{name: 100 * frame[name].astype(float) for name in shares}),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="runs",
        height=min(38 + 35 * len(frame), 560),
        placeholder=NOTHING,
        column_config={
            "On": st.column_config.TextColumn(help="The split of the accuracies.", width=60),
            "Accuracy": share(format="%.1f %%", help="The share of examples that the model labels right."),
            "Confound alone": share(format="%.1f %%", help=help_for("floor")),
            "Worst cell": share(format="%.1f %%", help=help_for("worst_cell")),
            "CID": st.column_config.NumberColumn(format="%.2f", help=help_for("cid")),
            "Verdict": st.column_config.TextColumn(help=help_for("verdict")),
            "Made": st.column_config.DatetimeColumn(format="distance"),
        },
        alt="Runs: name, data set, method, status, accuracy beside the confound-only floor, worst cell, CID, verdict, age",
    )
    rows = picked.selection.rows
    with st.container(horizontal=True, vertical_alignment="center"):
        if rows and rows[0] < len(runs):
            _go(runs[rows[0]])
        else:
            st.caption("Choose a line to open its diagnosis or its curves.", width="content")
        st.space("stretch")
        download_csv(frame, "runs.csv", key="runs-csv")


def _go(run: RunRow) -> None:
    st.markdown(f"**{plain(run.name)}**", width="content")
    if run.cid is not None:
        st.page_link("diagnose/page.py", label="Diagnose", icon=":material/query_stats:", query_params={"run": run.id})
    st.page_link("train/page.py", label="Curves and cells", icon=":material/monitoring:", query_params={"run": run.id})
    if run.status == "done":
        st.page_link(
            "compare/page.py", label="Compare", icon=":material/balance:", query_params={"about": run.group or run.name}
        )
    st.page_link("data/page.py", label="Data", icon=":material/table_view:", query_params={"dataset": run.dataset_id})
    st.page_link(
        "train/page.py", label="Copy the settings", icon=":material/content_copy:", query_params={"clone": run.id}
    )


def _line(run: RunRow) -> dict[str, object]:
    return {
        "Run": run.name,
        "Data set": run.dataset,
        "Method": METHODS.get(run.method, run.method),
        "Status": "demo" if run.demo else "failed to fit" if run.failed_to_fit else STATUS[run.status],
        "On": run.split,
        "Accuracy": run.accuracy,
        "Confound alone": run.floor,
        "Worst cell": run.worst_cell,
        "CID": run.cid,
        "Verdict": VERDICTS.get(run.verdict, run.verdict) if run.verdict else None,
        "Made": run.created_at,
    }
