"""The page where there is nothing to show yet: what is missing, and the one step that brings it."""

import streamlit as st

from core.formats import plain
from core.store.tables import Run
from core.views.texts import help_for
from pages.parts.work import start_button


def no_runs() -> None:
    """The store has no run."""
    with st.container(border=True):
        st.subheader("There is no model to diagnose yet", anchor=False)
        st.markdown(
            "A diagnosis asks, for a handful of examples, which training examples the model's decision rests on. It "
            "needs a trained model first."
        )
        with st.container(horizontal=True):
            st.page_link("overview/page.py", label="Start with the sample", icon=":material/rocket_launch:")
            st.page_link("train/page.py", label="Train a model", icon=":material/model_training:")


def not_diagnosed(run: Run, step: int | None, *, final: bool, busy: bool, status: str) -> None:
    """The run, or the checkpoint, has no diagnosis."""
    with st.container(border=True, key="diagnose-empty"):
        if step is None:
            _no_checkpoint(run, status)
            return
        st.subheader(f"Step {step:,} has not been diagnosed", anchor=False, help=help_for("cid"))
        if run.demo:
            st.markdown("This is the precomputed demo. It has no model weights, so nothing can be measured anew.")
            return
        st.markdown(
            "A diagnosis takes 40 probes, equally many from each label × confound cell, and measures how much every "
            "training example speaks for the model's decision on them. Where examples that share the confound speak "
            "louder, the model leans on it. It runs in the background and can be stopped."
        )
        if busy:
            st.caption("Work on this run is under way; see above.")
        else:
            start_button(
                run,
                "Diagnose this model" if final else f"Diagnose step {step:,}",
                checkpoint="final" if final else str(step),
                key="diagnose-start",
                primary=True,
            )


def _no_checkpoint(run: Run, status: str) -> None:
    if status in ("queued", "running"):
        st.subheader("This run is still training", anchor=False)
        st.markdown("It can be diagnosed as soon as it has a checkpoint. This page then says so by itself.")
    else:
        st.subheader("This run has no checkpoint to diagnose", anchor=False)
        ended = {"failed": "Its training failed.", "cancelled": "Its training was cancelled."}
        st.markdown(f"{ended.get(status, 'None was kept.')} {plain(run.error or '')}")
    st.page_link("jobs/page.py", label="Jobs", icon=":material/checklist:")
