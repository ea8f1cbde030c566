"""The part of the page that changes by itself: the worker, what runs and what waits."""

import streamlit as st

from core.jobs.version import code_version
from core.store import queries
from core.store.engine import Store
from core.store.queries import JobRow
from pages.parts.formats import age, counted, plain
from pages.parts.progress import cancel_button, job_title, show_progress, start_worker_button

MOST_WAITING = 50


def live_jobs(store: Store) -> None:
    """Draw the live part; when a job has ended or a worker came or went, run the whole page once more."""
    jobs = queries.list_jobs(store, active=True)
    alive = _show_worker(store)
    running = [job for job in jobs if job.status == "running"]
    waiting = [job for job in reversed(jobs) if job.status == "queued"]  # the oldest, which is next, first
    st.subheader("Running")
    if not running:
        st.caption("Nothing runs at the moment.")
    for job in running:
        _card(job)
    if waiting:
        st.subheader(f"Waiting ({len(waiting):,})")
        for job in waiting[:MOST_WAITING]:
            _card(job)
        if len(waiting) > MOST_WAITING:
            st.caption(f"… and {counted(len(waiting) - MOST_WAITING, 'more job')}.")
    before, here = st.session_state.get("jobs-seen"), (alive, {job.id for job in jobs})
    st.session_state["jobs-seen"] = here
    if before is not None and (before[0] != alive or before[1] - here[1]):
        st.rerun()


def _show_worker(store: Store) -> bool:
    workers = queries.live_workers(store)
    if not workers:
        with st.container(border=True):
            st.markdown("**No worker is alive.** What waits stays in the queue until one is started.")
            start_worker_button(key="start-worker")
        return False
    for worker in workers:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.badge("Worker alive", icon=":material/check_circle:", color="green")
            st.markdown(f"{plain(worker.device)} on {plain(worker.host)}", width="content")
            st.caption(
                f"since {age(worker.started_at)} · process {worker.pid} · code {plain(worker.code_version)}",
                width="content",
            )
            if worker.code_version != code_version():
                st.caption(
                    ":material/info: It runs an older version of the code than this dashboard. New jobs are run with "
                    "the code on disk; restart the worker to renew its own part.",
                )
    return True


def _card(job: JobRow) -> None:
    with st.container(border=True, key=f"job-card-{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(job_title(job), width="content")
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                st.page_link("jobs/page.py", label="Log", icon=":material/article:", query_params={"job": job.id})
                cancel_button(job, key=f"cancel-{job.id}")
        show_progress(job)
