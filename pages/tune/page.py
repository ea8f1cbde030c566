"""Tune: from any checkpoint a round that makes the model lean less on the confound, what it changed, and what came of it."""

from collections.abc import Sequence

import streamlit as st

from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset
from core.views.diagnoses import RunChoice, run_choices
from pages.parts.address import go_to
from pages.parts.no_model import no_checkpoint, no_weights
from pages.parts.store import open_store
from pages.parts.work import active_jobs, watch
from pages.tune import empty
from pages.tune.child import show_child
from pages.tune.choice import Choice, choose
from pages.tune.form import show_form
from pages.tune.lineage import show_tree
from pages.tune.pickers import pick


def show(store: Store, runs: Sequence[RunChoice]) -> None:
    """The page for what the address names."""
    choice = choose(store, runs, st.query_params.get("run"), st.query_params.get("step"))
    go_to(run=choice.run.name, step=choice.checkpoint.step if choice.checkpoint else None)
    if choice.notice:
        st.warning(choice.notice, icon=":material/link_off:")
    pick(runs, choice)
    dataset = queries.get_dataset(store, choice.run.dataset_id)
    if choice.run.parent_step is not None:
        show_child(store, choice.run, dataset)
        st.divider()
    elif jobs := active_jobs(store, choice.run):
        watch(jobs)
    _show_start(store, choice, dataset)
    show_tree(store, choice.run)


def _show_start(store: Store, choice: Choice, dataset: Dataset) -> None:
    """The form, or why this checkpoint cannot be tuned."""
    if choice.checkpoint is None:
        if choice.run.parent_step is None:  # else the part above says how far it is
            no_checkpoint(
                choice.run,
                later="It can be tuned as soon as it has a checkpoint.",
                never="This run has no checkpoint to start from",
            )
    elif choice.checkpoint.path is None:
        no_weights(choice.run, choice.checkpoint.step, title="Nothing can go on from here")
    else:
        show_form(store, choice.run, choice.checkpoint, dataset)


st.title("Tune", anchor=False)
the_store = open_store()
all_runs = run_choices(the_store)
if all_runs:
    show(the_store, all_runs)
else:
    empty.no_runs()
