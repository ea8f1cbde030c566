"""Jobs that have ended, newest first. A chosen line opens the job."""

import pandas as pd
import streamlit as st

from core.formats import duration
from core.store import queries
from core.store.engine import Store
from core.store.queries import JobRow
from core.views.texts import KINDS, STATUS
from pages.parts.owners import with_owners
from pages.parts.tables import download_csv

MOST = 500


def show_ended(store: Store) -> None:
    """The table of ended jobs."""
    ended = [job for job in queries.list_jobs(store, limit=2 * MOST) if job.ended][:MOST]
    st.subheader("Ended")
    if not ended:
        st.caption("No job has ended yet. Start one on the Train page.")
        return
    frame = with_owners(pd.DataFrame([_line(job) for job in ended]), [job.owner for job in ended])
    picked = st.dataframe(
        frame,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="ended-jobs",
        placeholder="",
        column_config={"When": st.column_config.DatetimeColumn(format="distance")},
        alt="Jobs that have ended: what they did, how they ended, when and how long they took",
    )
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption("Choose a line to read the job's log, try it again or delete it.", width="content")
        download_csv(frame, "jobs.csv", key="ended-csv")
    if picked.selection.rows:
        st.query_params["job"] = ended[picked.selection.rows[0]].id
        st.rerun()


def _line(job: JobRow) -> dict[str, object]:
    took = (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None
    return {
        "What": KINDS.get(job.kind, job.kind),
        "Run": job.run or "–",
        "Ended as": STATUS.get(job.status, job.status),
        "When": job.finished_at,
        "Took": duration(took),
        "Why": job.error or (job.message if job.status != "done" else ""),
        "Job": job.id,
    }
