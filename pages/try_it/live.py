"""A try that waits or runs, seen live; and one that came to no end."""

import streamlit as st

from core.formats import plain
from core.store import queries
from core.store.engine import Store
from core.store.queries import JobRow
from core.store.tables import Job
from pages.parts.progress import cancel_button, job_title, retry_button, show_progress, start_worker_button
from pages.parts.store import open_store

EVERY_SECONDS = 0.5
STARTING = "starting; it takes some seconds where torch has to be loaded first"


def show_live(job_id: str, *, decided: bool) -> None:
    """How far the try is; the page runs anew when the decision is there (unless it was `decided` already), and at the end."""
    st.fragment(_live, run_every=EVERY_SECONDS)(job_id, decided)


def _live(job_id: str, decided: bool) -> None:
    store = open_store()
    job = queries.get_job(store, job_id)
    if job.status in queries.ENDED or (job.result is not None and not decided):
        st.rerun()
    (row,) = queries.list_jobs(store, job_id=job_id)
    with st.container(border=True, key="try-live"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(
                "**The decision is below. Influence is being measured …**" if decided else "**Trying the text …**",
                width="content",
            )
            with st.container(horizontal=True, width="content"):
                st.page_link("jobs/page.py", label="Log", icon=":material/article:", query_params={"job": job_id})
                cancel_button(row, key="try-cancel")
        show_progress(_told(row))
        if row.status == "queued":
            _why_it_waits(store)


def _told(row: JobRow) -> JobRow:
    return JobRow(**(row.__dict__ | {"message": STARTING})) if row.message == "starting" else row


def _why_it_waits(store: Store) -> None:
    running = [one for one in queries.list_jobs(store, active=True) if one.status == "running"]
    if running:
        st.caption(f"The device works on another job: {job_title(running[0])}. This text comes next.")
    if not queries.live_workers(store):
        st.caption("No worker has given a sign of life yet. If the bar does not move within half a minute, start one.")
        start_worker_button(key="try-start-worker")


def show_end(job: Job) -> None:
    """It failed, or somebody cancelled it."""
    with st.container(border=True, key="try-ended"):
        if job.status == "cancelled":
            st.markdown(":material/cancel: **This try was cancelled.** Nothing else was touched.")
        else:
            st.markdown(
                f":material/error: **This try failed.** {plain(job.error or 'Its log may tell why.')} Run and data are safe."
            )
        with st.container(horizontal=True, vertical_alignment="center"):
            retry_button(job.id, key="try-retry")
            st.page_link("jobs/page.py", label="Log", icon=":material/article:", query_params={"job": job.id})
