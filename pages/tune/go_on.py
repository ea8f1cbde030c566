"""What to do with a model that has had its round: label steps, or the same once more."""

import streamlit as st

from core.actions.tuning import LABEL, Treatment, an_epoch, child_config, treatment_of
from core.errors import UserError
from core.formats import counted, plain
from core.store.engine import Store
from core.store.tables import Dataset, Run
from pages.parts.forecast import time_in_words
from pages.tune.form import MOST_LABEL_STEPS, TITLES, begin, encoder_of


def show_go_on(store: Store, run: Run, dataset: Dataset) -> None:
    """Two buttons; each makes a new run from the final model of this one, diagnosed with the same probes."""
    again = treatment_of(run)
    with st.container(border=True, key="tune-go-on"):
        st.markdown("**Go on from here**")
        left, right = st.columns(2, gap="large", vertical_alignment="bottom")
        with left:
            steps = st.number_input(
                "Label steps",
                min_value=1,
                max_value=MOST_LABEL_STEPS,
                value=an_epoch(run, dataset),
                step=1,
                key=f"go-on-{run.id}",
                help="Training on the labels goes on from the new model, with a learning rate that rises and falls once "
                "more. The number that stands here at first is an epoch.",
            )
            onward = Treatment(LABEL, int(steps))
            if st.button("Go on with label steps", icon=":material/play_arrow:", key="tune-onward", width="stretch"):
                begin(store, run, LABEL, "final", onward.options, onward.then_label_steps)
            st.caption(_time(store, run, dataset, onward))
        with right:
            anew = "in another order of the examples" if again.kind == LABEL else "with probes drawn anew"
            follow = f", then {counted(again.then_label_steps, 'label step')}" if again.then_label_steps else ""
            st.markdown(f"{TITLES.get(again.kind, plain(again.kind))}{follow}: the same settings, {anew}.")
            if st.button("Once more", icon=":material/repeat:", key="tune-again", width="stretch"):
                begin(store, run, again.kind, "final", again.options, again.then_label_steps)
            st.caption(_time(store, run, dataset, again))


def _time(store: Store, run: Run, dataset: Dataset, asked: Treatment) -> str:
    spec = encoder_of(run)
    try:
        config = child_config(run, asked.kind, asked.options, asked.then_label_steps, spec)
    except UserError as error:
        return plain(str(error))
    return "" if spec is None else f":material/schedule: {time_in_words(store, dataset, config, spec)}"
