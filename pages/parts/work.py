"""Starting a diagnosis, and watching one while it runs."""

from collections.abc import Sequence

import streamlit as st

from core.actions.diagnosing import start_diagnosis
from core.errors import UserError
from core.formats import plain
from core.settings import get_settings
from core.store import queries
from core.store.engine import Store
from core.store.queries import JobRow
from core.store.tables import Run
from core.views.diagnoses import Point
from core.views.texts import KINDS
from pages.parts.progress import (
    EVERY_SECONDS,
    cancel_button,
    job_title,
    retry_button,
    show_progress,
    start_worker_button,
)
from pages.parts.saying import say
from pages.parts.store import open_store

_AWAITED = "awaited-diagnosis"


def start_button(
    run: Run,
    label: str,
    *,
    checkpoint: str,
    key: str,
    like: Point | None = None,
    probes: int | None = None,
    help: str | None = None,
    primary: bool = False,
) -> None:
    """Queues a diagnosis of `checkpoint` ("final", "all" or a step), measured as `like` was if that is given, but with so
    many `probes` if that is.
    """
    st.button(
        label,
        key=key,
        icon=":material/query_stats:",
        type="primary" if primary else "secondary",
        help=help,
        on_click=_start,
        args=(run, checkpoint, like, probes),
    )


def _start(run: Run, checkpoint: str, like: Point | None, probes: int | None) -> None:
    wish = (
        {}
        if like is None
        else {
            "estimator": like.estimator,
            "probes": probes or int(like.config.get("probes", like.n_probes)),
            "probe_source": str(like.config.get("probe_source", "train")),
            "seed": int(like.config.get("seed", run.seed)),
        }
    )
    try:
        job = start_diagnosis(open_store(), get_settings(), run, checkpoint=checkpoint, **wish)
    except UserError as error:
        say(plain(str(error)), icon=":material/info:")
    else:
        if probes is not None:  # the address pins the diagnosis with fewer
            st.session_state[_AWAITED] = job.id
        say("In the queue. This page shows how far it is.", icon=":material/hourglass_empty:")
    st.rerun()  # the whole page, also where the button stands in a fragment


def awaited_diagnosis(store: Store, run: Run) -> str | None:
    """The diagnosis with more probes that this visitor asked for and that has just been made, once; else nothing."""
    job_id = st.session_state.get(_AWAITED)
    job = next(iter(queries.list_jobs(store, job_id=job_id)), None) if job_id is not None else None
    if job is None or job.run_id != run.id or not job.ended:
        return None
    del st.session_state[_AWAITED]
    made = (queries.get_job(store, job.id).result or {}).get("diagnoses", [])
    return str(made[0]) if len(made) == 1 else None


def active_jobs(store: Store, run: Run) -> list[JobRow]:
    """What waits or runs for this run, the oldest first."""
    return list(reversed(queries.list_jobs(store, active=True, run_id=run.id)))


def watch(jobs: Sequence[JobRow]) -> None:
    """Show live how far these jobs are; when one has ended, run the whole page anew, which also ends the watching."""
    st.fragment(_live, run_every=EVERY_SECONDS)([job.id for job in jobs])


def _live(ids: list[str]) -> None:
    store = open_store()
    jobs = {one.id: one for one in queries.list_jobs(store, active=True)}
    if any(key not in jobs for key in ids):
        st.rerun()
    for key in ids:
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                st.markdown(job_title(jobs[key]), width="content")
                with st.container(horizontal=True, width="content"):
                    st.page_link("jobs/page.py", label="Log", icon=":material/article:", query_params={"job": key})
                    cancel_button(jobs[key], key=f"work-cancel-{key}")
            show_progress(jobs[key])
    if not queries.live_workers(store):
        st.caption("No worker has given a sign of life yet. If the bar does not move within half a minute, start one.")
        start_worker_button(key="work-start-worker")


def show_last_failure(store: Store, run: Run, kind: str = "diagnose") -> None:
    """Says why the newest job of a kind on this run failed, until another one succeeds."""
    past = [job for job in queries.list_jobs(store, run_id=run.id, limit=20) if job.kind == kind]
    if not past or past[0].status != "failed":
        return
    with st.container(border=True):
        st.markdown(
            f":material/error: **The last {KINDS[kind].lower()} failed.** {plain(past[0].error or 'Its log may tell why.')} "
            "What was measured before is safe."
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            retry_button(past[0].id, key=f"{kind}-retry")
            st.page_link("jobs/page.py", label="Log", icon=":material/article:", query_params={"job": past[0].id})
