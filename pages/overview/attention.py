"""What a person should look at: models that lean on the confound, failures, a worker that is missing."""

from collections.abc import Sequence

import streamlit as st

from core.store import queries
from core.store.engine import Store
from core.store.queries import JobRow, RunRow
from core.views.formats import counted, plain
from pages.parts.progress import job_title, start_worker_button

MOST = 2
LOOKED_AT = 200


def show_attention(store: Store, runs: Sequence[RunRow]) -> None:
    """At most a few lines of each kind, newest first; nothing when there is nothing."""
    own = [run for run in runs if not run.demo]
    waiting = bool(queries.list_jobs(store, active=True, limit=1))
    if waiting and not queries.live_workers(store):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(":orange[:material/power_off:] **Jobs wait, but no worker is alive.**", width="content")
            start_worker_button(key="overview-worker")
    for kind in (
        ([run for run in own if run.verdict == "confounded"], "confounded"),
        ([run for run in own if run.failed_to_fit], "unfit"),
        ([run for run in own if run.status == "failed"], "failed"),
    ):
        _lines(*kind)
    _failed_jobs(store)


def _failed_jobs(store: Store) -> None:
    """Diagnoses and evaluations whose last attempt failed; a failed training is its run's own line."""
    last: dict[tuple[str, str | None], JobRow] = {}
    for job in queries.list_jobs(store, limit=LOOKED_AT):
        last.setdefault((job.kind, job.run_id), job)
    failed = [job for job in last.values() if job.status == "failed" and job.kind != "train"]
    for job in failed[:MOST]:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"attention-job-{job.id}"):
            with st.container(width="stretch", gap=None):
                st.markdown(f":red[:material/error:] {job_title(job)} failed.")
                if job.error:
                    st.caption(plain(job.error))
            st.page_link(
                "jobs/page.py", label="Open the log", icon=":material/arrow_forward:", query_params={"job": job.id}
            )


def _lines(runs: Sequence[RunRow], kind: str) -> None:
    words = {
        "confounded": (":orange[:material/warning:]", "leans on the confound."),
        "unfit": (
            ":orange[:material/trending_flat:]",
            "has not learned its training set; its other numbers say nothing.",
        ),
        "failed": (":red[:material/error:]", "failed; its log says why."),
    }[kind]
    for run in runs[:MOST]:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"attention-{kind}-{run.id}"):
            sentence = run.sentence if kind == "confounded" and run.sentence else None
            text = f"{words[0]} **{plain(run.name)}** {words[1]}"
            with st.container(width="stretch", gap=None):
                st.markdown(text)
                if sentence:
                    st.caption(plain(sentence))
            page = "diagnose/page.py" if kind == "confounded" else "train/page.py"
            label = "Diagnose" if kind == "confounded" else "Open the run"
            st.page_link(
                page, label=label, icon=":material/arrow_forward:", query_params={"run": run.id}, width="content"
            )
    if len(runs) > MOST:
        st.caption(f"… and {counted(len(runs) - MOST, 'more run')} like that, in the list below.")
