"""How far a job is, and the buttons that stop or repeat it; shared by every page that shows work."""

import streamlit as st

from core.errors import UserError
from core.formats import plain, roughly
from core.jobs.launch import ensure_worker
from core.jobs.queue import request_cancel, retry
from core.settings import get_settings
from core.store.queries import JobRow
from core.store.tables import now
from core.views.texts import KINDS
from pages.parts.owners import owner_words, owners_shown, why_not, why_not_job
from pages.parts.saying import say
from pages.parts.store import open_store

EVERY_SECONDS = 2.0
"""How often a live part looks at the store."""

_TOO_EARLY = 0.02


def job_title(job: JobRow) -> str:
    """What a job does, as Markdown: "Training of **my run**"; where people sign in, also whose it is."""
    kind = KINDS.get(job.kind, job.kind)
    title = f"{kind} of **{plain(job.run)}**" if job.run else kind
    return f"{title} · {plain(owner_words(job.owner))}" if owners_shown() else title


def remaining_seconds(job: JobRow) -> float | None:
    """What is left if it goes on at its pace so far; nothing while that would be a guess."""
    if job.status != "running" or job.started_at is None or job.progress < _TOO_EARLY:
        return None
    spent = (now() - job.started_at).total_seconds()
    return spent * (1 - job.progress) / job.progress


def show_progress(job: JobRow) -> None:
    """A bar with the percentage, what is being done, and how long it will still take."""
    if job.status == "queued":
        st.progress(0.0, text="Waiting for its turn" if not job.message else plain(job.message))
        return
    left = remaining_seconds(job)
    parts = [f"{job.progress:.0%}".replace("%", " %")]
    if job.cancel_requested:
        parts.append("stopping")
    elif job.message:
        parts.append(plain(job.message))
    if left is not None and not job.cancel_requested:
        parts.append(f"about {roughly(left)} left")
    st.progress(min(max(job.progress, 0.0), 1.0), text=" · ".join(parts))


def cancel_button(job: JobRow, *, key: str) -> None:
    """Stops a job that waits or runs."""
    why = why_not(job.owner, job.run_owner)
    st.button(
        "Cancel" if not job.cancel_requested else "Stopping …",
        key=key,
        icon=":material/stop_circle:",
        disabled=job.cancel_requested or why is not None,
        on_click=_cancel,
        args=(job.id,),
        help=why or "A running job saves where it is before it stops, so that it can go on later.",
    )


def retry_button(job_id: str, *, key: str) -> None:
    """Puts a failed or cancelled job back into the queue."""
    why = why_not_job(job_id)
    st.button(
        "Try again",
        key=key,
        icon=":material/replay:",
        on_click=_retry,
        args=(job_id,),
        disabled=why is not None,
        help=why or "A training goes on from its last saved state.",
    )


def start_worker_button(*, key: str) -> None:
    """Starts a worker where none is alive; where it is a service of its own, says who can."""
    if not get_settings().start_worker:
        st.caption("On this server the worker is a service of its own: whoever runs the server can start it.")
        return
    if st.button("Start a worker", key=key, type="primary", icon=":material/power_settings_new:"):
        started = ensure_worker(get_settings())
        told = "A worker is starting." if started else "A worker is there already; it will report in a moment."
        say(told, icon=":material/power_settings_new:")
        st.rerun()  # the whole page, also where the button stands in a fragment


def _cancel(job_id: str) -> None:
    try:
        status = request_cancel(open_store(), job_id)
    except UserError as error:
        say(plain(str(error)), icon=":material/info:")
    else:
        told = "Cancelled." if status == "cancelled" else "Asked to stop. It saves its state first."
        say(told, icon=":material/stop_circle:")
    st.rerun()  # the whole page, also where the button stands in a fragment; so below


def _retry(job_id: str) -> None:
    try:
        retry(open_store(), job_id)
        ensure_worker(get_settings())
    except UserError as error:
        say(plain(str(error)), icon=":material/info:")
    else:
        say("Back in the queue.", icon=":material/hourglass_empty:")
    st.rerun()
