"""What runs right now, drawn anew every few seconds until nothing does."""

import streamlit as st

from core.formats import counted
from core.store import queries
from core.store.engine import Store
from pages.parts.progress import job_title, show_progress

MOST = 3


def live_overview(store: Store) -> None:
    """The running jobs and how many wait; when a job has ended, the page is run once more, whole."""
    jobs = queries.list_jobs(store, active=True)
    running = [job for job in jobs if job.status == "running"]
    for job in running[:MOST]:
        with st.container(border=True):
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.markdown(job_title(job), width="content")
                if job.run_id:
                    st.page_link(
                        "train/page.py", label="Watch", icon=":material/monitoring:", query_params={"run": job.run_id}
                    )
            show_progress(job)
    waiting = sum(job.status == "queued" for job in jobs)
    if waiting:
        st.page_link("jobs/page.py", label=f"{counted(waiting, 'job')} waiting", icon=":material/hourglass_empty:")
    before = st.session_state.get("overview-active")
    st.session_state["overview-active"] = (now_active := {job.id for job in jobs})
    if before is not None and before - now_active:
        st.rerun()
