"""A run that began with a checkpoint of another: how far it is, and then what it changed."""

import streamlit as st

from core.actions.tuning import treatment_of
from core.formats import counted, duration, plain
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Run
from core.views.diagnoses import points
from core.views.texts import STATUS, STATUS_COLOURS, STATUS_ICONS, TERMS
from pages.parts.progress import EVERY_SECONDS, retry_button
from pages.parts.rounds import show_rounds
from pages.parts.work import active_jobs, show_last_failure, watch
from pages.tune.cells import show_cells
from pages.tune.form import TITLES
from pages.tune.go_on import show_go_on
from pages.tune.pair import Pair, find_pair
from pages.tune.same_probe import same_probe
from pages.tune.summary import show_measuring, show_summary


def show_child(store: Store, run: Run, dataset: Dataset) -> None:
    """Live while its training lasts; then before and after, what to do next, and the inside of the round."""
    parent = queries.parent_of(store, run)
    _head(run, parent, diagnosed=bool(points(store, run.id)))
    jobs = active_jobs(store, run)
    training = any(one.kind == "train" for one in jobs)
    of_parent = active_jobs(store, parent) if parent and not training else []
    if jobs or of_parent:
        watch([*jobs, *of_parent])
    if training:
        st.caption("J and CID come down here while the round goes on; what it changed is told when it has ended.")
        st.fragment(show_rounds, run_every=EVERY_SECONDS)(store, run.id)
        return
    show_last_failure(store, run, "train")
    _cancelled(store, run)
    pair = find_pair(store, run, parent)
    if pair is not None:
        _outcome(store, run, dataset, pair, busy=bool(jobs or of_parent))
    show_rounds(store, run.id)


def _outcome(store: Store, run: Run, dataset: Dataset, pair: Pair, *, busy: bool) -> None:
    if run.failed_to_fit:
        st.warning(f"**Failed to fit.** {TERMS['failed_to_fit'].sentence}", icon=":material/trending_flat:")
    show_summary(pair)
    if not busy:
        show_last_failure(store, run)
        show_measuring(pair)
    show_go_on(store, run, dataset)
    show_cells(pair)
    if pair.comparable:
        same_probe(pair, run.dataset_id)


def _head(run: Run, parent: Run | None, *, diagnosed: bool) -> None:
    done = treatment_of(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(TITLES.get(done.kind, plain(run.method)), width="content", anchor=False)
        st.badge(STATUS[run.status], icon=STATUS_ICONS[run.status], color=STATUS_COLOURS[run.status])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"from step {run.parent_step:,} of", width="content")
        if parent is None:
            st.caption("a run that has been deleted", width="content")
        else:
            st.page_link(
                "tune/page.py",
                label=plain(parent.name),
                icon=":material/fork_right:",
                query_params={"run": parent.name, "step": str(run.parent_step)},
            )
        parts = [f"then {counted(done.then_label_steps, 'label step')}"] if done.then_label_steps else []
        if run.seconds:
            parts.append(f"took {duration(run.seconds)}")
        if run.device:
            parts.append(plain(run.device))
        if parts:
            st.caption(" · ".join(parts), width="content")
        st.page_link("train/page.py", label="The run", icon=":material/monitoring:", query_params={"run": run.id})
        if diagnosed:
            st.page_link(
                "diagnose/page.py", label="Its diagnosis", icon=":material/query_stats:", query_params={"run": run.name}
            )


def _cancelled(store: Store, run: Run) -> None:
    last = next((job for job in queries.list_jobs(store, run_id=run.id, limit=20) if job.kind == "train"), None)
    if last is not None and last.status == "cancelled":
        st.info("This was cancelled. It can go on from its last saved state.", icon=":material/cancel:")
        retry_button(last.id, key="tune-retry-cancelled")
