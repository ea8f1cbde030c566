"""The part of the page that changes by itself: the worker, what runs and what waits."""

import streamlit as st

from core.formats import age, counted, plain
from core.jobs import queue
from core.jobs.launch import ensure_worker
from core.jobs.version import code_version
from core.settings import get_settings
from core.store import queries
from core.store.engine import Store
from core.store.queries import JobRow
from pages.parts.owners import why_not_all
from pages.parts.progress import cancel_button, job_title, show_progress, start_worker_button

MOST_WAITING = 50


def live_jobs(store: Store) -> None:
    """Draw the live part; when a job has ended or a worker came or went, run the whole page once more."""
    jobs = queries.list_jobs(store, active=True)
    alive = _show_worker(store)
    _show_pause(store)
    silent = queue.hung(store, get_settings().hung_minutes)
    running = [job for job in jobs if job.status == "running"]
    waiting = [job for job in reversed(jobs) if job.status == "queued"]  # the oldest, which is next, first
    st.subheader("Running")
    if not running:
        st.caption("Nothing runs at the moment.")
    for job in running:
        _card(job, silent.get(job.id))
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
                    ":material/info: It runs another version of the code than this dashboard. A worker renews itself as "
                    "soon as the job that runs has ended; a dashboard does when it is restarted.",
                )
    return True


def _show_pause(store: Store) -> None:
    pause, why_not = queue.paused(store), why_not_all()
    if pause is None:
        st.button(
            "Pause the queue",
            key="pause-queue",
            icon=":material/pause_circle:",
            on_click=queue.pause,
            args=(store,),
            kwargs={"who": store.actor.email if store.actor else "the dashboard"},
            disabled=why_not is not None,
            help=why_not or "No more jobs are started; what runs goes on.",
        )
        return
    by = f" by {plain(pause.who)}" if pause.who else ""
    why = f" {plain(pause.why)}" if pause.why else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.badge("Queue paused", icon=":material/pause_circle:", color="orange")
        st.markdown(f"Paused {age(pause.since)}{by}: no job is started. What runs goes on.{why}", width="content")
        st.button(
            "Resume",
            key="resume-queue",
            icon=":material/play_circle:",
            on_click=_resume,
            args=(store,),
            disabled=why_not is not None,
            help=why_not,
        )


def _resume(store: Store) -> None:
    queue.resume(store)
    ensure_worker(get_settings())


def _card(job: JobRow, silent_minutes: float | None = None) -> None:
    with st.container(border=True, key=f"job-card-{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(job_title(job), width="content")
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                st.page_link("jobs/page.py", label="Log", icon=":material/article:", query_params={"job": job.id})
                cancel_button(job, key=f"cancel-{job.id}")
        show_progress(job)
        if silent_minutes is not None:
            st.warning(
                f"It has made no progress for {silent_minutes:.0f} minutes and seems to hang. It is ended and tried again "
                f"after {get_settings().hung_end_minutes:.0f} minutes; its log may tell what it waits for.",
                icon=":material/hourglass_disabled:",
            )
