"""Try: a text of one's own, what the model decides, what the confound has to do with it, and which training examples speak."""

from collections.abc import Sequence

import streamlit as st

from core.actions.trying import get_try, try_of
from core.errors import NotFoundError
from core.store import queries
from core.store.engine import Store
from core.store.tables import Job
from core.views.diagnoses import RunChoice, run_choices
from pages.parts.address import go_to
from pages.parts.no_model import no_checkpoint, no_weights
from pages.parts.store import open_store
from pages.parts.work import active_jobs, watch
from pages.try_it import empty
from pages.try_it.choice import Choice, choose, pick
from pages.try_it.decision import show_decision
from pages.try_it.earlier import show_earlier
from pages.try_it.form import show_form
from pages.try_it.influence import show_influence
from pages.try_it.live import show_end, show_live


def show(store: Store, runs: Sequence[RunChoice]) -> None:
    """The page for what the address names."""
    choice = choose(store, runs, st.query_params.get("run"), st.query_params.get("step"))
    go_to(run=choice.run.name, step=choice.checkpoint.step if choice.checkpoint else None)
    if choice.notice:
        st.warning(choice.notice, icon=":material/link_off:")
    pick(runs, choice)
    job = _job(store, choice)
    if choice.checkpoint is None:
        jobs = [one for one in active_jobs(store, choice.run) if one.kind != "try"]
        if jobs:
            watch(jobs)
        no_checkpoint(
            choice.run,
            later="A text can be tried as soon as it has a checkpoint.",
            never="This run has no checkpoint to try",
        )
    elif choice.checkpoint.path is None:
        no_weights(choice.run, choice.checkpoint.step, title="There are no weights to ask")
    else:
        show_form(store, choice, queries.get_dataset(store, choice.run.dataset_id), job)
    if job is not None:
        _show_try(choice, job)
    show_earlier(store, choice.run, job)


def _job(store: Store, choice: Choice) -> Job | None:
    """The try that the address names."""
    asked = st.query_params.get("job")
    if asked is None:
        return None
    try:
        return get_try(store, choice.run, asked)
    except NotFoundError:
        go_to(job=None)
        st.warning(
            "The try that this link names is not in the store any more: only the last ones of a run are kept. Type the text anew.",
            icon=":material/link_off:",
        )
        return None


def _show_try(choice: Choice, job: Job) -> None:
    st.divider()
    found = try_of(job)
    if job.status not in queries.ENDED:
        show_live(job.id, decided=found is not None)
    elif job.status != "done":
        show_end(job)
    if found is None:
        return
    show_decision(found)
    if found["influence"]:
        st.divider()
        show_influence(choice.run, found)


st.title("Try", anchor=False)
the_store = open_store()
all_runs = run_choices(the_store)
if all_runs:
    show(the_store, all_runs)
else:
    empty.no_runs()
