"""One job: how far it is or how it ended, and its log."""

from datetime import datetime

import streamlit as st

from core.actions.deleting import delete_job
from core.errors import UserError
from core.formats import NOTHING, age, duration, plain
from core.jobs.logs import read_log
from core.store import queries
from core.store.engine import Store
from core.store.queries import JobRow
from core.views.texts import STATUS, STATUS_COLOURS, STATUS_ICONS
from pages.parts.owners import why_not
from pages.parts.progress import EVERY_SECONDS, cancel_button, job_title, retry_button, show_progress

LOG_BYTES = 100_000


def show_job(store: Store, job_id: str) -> None:
    """The view of `?job=…`."""
    st.page_link("jobs/page.py", label="All jobs", icon=":material/arrow_back:")
    job = _row(store, job_id)
    if job is None:
        st.warning(
            "There is no such job; it may have been deleted. What it made is still with its run.",
            icon=":material/search_off:",
        )
        return
    st.fragment(_live, run_every=None if job.ended else EVERY_SECONDS)(store, job_id)


def _live(store: Store, job_id: str) -> None:
    job = _row(store, job_id)
    if job is None:
        st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(job_title(job), width="content", anchor=False)
        st.badge(STATUS[job.status], icon=STATUS_ICONS[job.status], color=STATUS_COLOURS[job.status])
    if not job.ended:
        show_progress(job)
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
    elif job.status == "cancelled" and job.message:
        st.caption(plain(job.message))
    _facts(job)
    _buttons(store, job)
    _log(store, job)
    key = f"job-ended-{job_id}"
    before, st.session_state[key] = st.session_state.get(key), job.ended
    if before is not None and before != job.ended:
        st.rerun()  # the whole page: it decides whether this part is drawn anew every few seconds


def _facts(job: JobRow) -> None:
    took = (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None
    facts = [
        ("Submitted", _moment(job.created_at)),
        ("Started", _moment(job.started_at)),
        ("Ended", _moment(job.finished_at)),
        ("Took", duration(took)),
        ("Device", job.device or NOTHING),
        ("Job", job.id),
    ]
    with st.container(horizontal=True, gap="large"):
        for name, value in facts:
            if value != NOTHING:
                with st.container(width="content", gap=None):
                    st.caption(name)
                    st.text(value)


def _buttons(store: Store, job: JobRow) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.run_id:
            page, label, icon = (
                ("diagnose/page.py", "Diagnose", ":material/query_stats:")
                if job.kind == "diagnose"
                else ("train/page.py", "Open the run", ":material/model_training:")
            )
            st.page_link(page, label=label, icon=icon, query_params={"run": job.run_id})
        if not job.ended:
            cancel_button(job, key="detail-cancel")
            return
        if job.status in ("failed", "cancelled"):
            retry_button(job.id, key="detail-retry")
        why = why_not(job.owner, job.run_owner)
        with st.popover("Delete", icon=":material/delete:", disabled=why is not None, help=why):
            st.markdown("Delete this job and its log? What it made stays with its run.")
            if st.button("Delete the job", key="detail-delete", type="primary"):
                try:
                    delete_job(store, job.id)
                except UserError as error:
                    st.error(plain(str(error)))
                else:
                    st.query_params.clear()
                    st.rerun()


def _log(store: Store, job: JobRow) -> None:
    st.markdown("**Log**")
    text, size = read_log(store, job.id, LOG_BYTES)
    if not size:
        st.caption("Nothing has been printed." if job.ended else "Nothing has been printed yet.")
        return
    if size > LOG_BYTES:
        st.caption(f"The last {LOG_BYTES // 1000} kB of {size // 1000:,} kB.")
    st.code(text, language=None, wrap_lines=True, height=380 if text.count("\n") > 14 else "content")


def _row(store: Store, job_id: str) -> JobRow | None:
    return next(iter(queries.list_jobs(store, job_id=job_id)), None)


def _moment(moment: datetime | None) -> str:
    return NOTHING if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC ({age(moment)})"
