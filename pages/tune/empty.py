"""The page where nothing can be tuned: what is missing, and the one step that brings it."""

import streamlit as st

from core.store.tables import Run
from core.views.formats import plain


def no_runs() -> None:
    """The store has no run."""
    with st.container(border=True):
        st.subheader("There is no model to tune yet", anchor=False)
        st.markdown(
            "A tuning round takes a trained model and teaches it to give training examples that share a probe's confound "
            "no more weight than those that don't. It needs a checkpoint of a training run to begin with: train a model, "
            "diagnose it, and come back if it turns out to lean on the confound."
        )
        with st.container(horizontal=True):
            st.page_link("overview/page.py", label="Start with the sample", icon=":material/rocket_launch:")
            st.page_link("train/page.py", label="Train a model", icon=":material/model_training:")


def no_checkpoint(run: Run) -> None:
    """The run has none to begin with, yet or for good."""
    if run.parent_step is not None:  # the part above says how far it is
        return
    with st.container(border=True):
        if run.status in ("queued", "running"):
            st.subheader("This run is still training", anchor=False)
            st.markdown("It can be tuned as soon as it has a checkpoint.")
        else:
            st.subheader("This run has no checkpoint to start from", anchor=False)
            ended = {"failed": "Its training failed.", "cancelled": "Its training was cancelled."}
            st.markdown(f"{ended.get(run.status, 'None was kept.')} {plain(run.error or '')} Choose another run above.")
        with st.container(horizontal=True):
            st.page_link(
                "train/page.py", label="See the run", icon=":material/monitoring:", query_params={"run": run.id}
            )
            st.page_link("train/page.py", label="Train another", icon=":material/model_training:")


def no_weights(run: Run, step: int) -> None:
    """The checkpoint is known, but nothing can go on from it."""
    with st.container(border=True):
        st.subheader("Nothing can go on from here", anchor=False)
        if run.demo:
            st.markdown(
                "This is the precomputed demo: it holds metrics, influence and texts, but no model weights. Train a run "
                "of your own with the same settings; that takes some minutes."
            )
        else:
            st.markdown(f"The weights of step {step:,} are not kept. Choose another checkpoint above, or train a run.")
        with st.container(horizontal=True):
            st.page_link(
                "train/page.py",
                label="Train one like it",
                icon=":material/model_training:",
                query_params={"clone": run.id},
            )
