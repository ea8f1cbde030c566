"""The page where no text can be tried: what is missing, and the one step that brings it."""

import streamlit as st

from core.store.tables import Run
from core.views.formats import plain


def no_runs() -> None:
    """The store has no run."""
    with st.container(border=True):
        st.subheader("There is no model to try yet", anchor=False)
        st.markdown(
            "Here you type a text and see what a model decides, whether the decision changes with the confound, and which "
            "training examples it rests on. It needs a trained model first."
        )
        with st.container(horizontal=True):
            st.page_link("overview/page.py", label="Start with the sample", icon=":material/rocket_launch:")
            st.page_link("train/page.py", label="Train a model", icon=":material/model_training:")


def no_checkpoint(run: Run) -> None:
    """The run has none, yet or for good."""
    with st.container(border=True):
        if run.status in ("queued", "running"):
            st.subheader("This run is still training", anchor=False)
            st.markdown("A text can be tried as soon as it has a checkpoint.")
        else:
            st.subheader("This run has no checkpoint to try", anchor=False)
            ended = {"failed": "Its training failed.", "cancelled": "Its training was cancelled."}
            st.markdown(f"{ended.get(run.status, 'None was kept.')} {plain(run.error or '')} Choose another run above.")
        with st.container(horizontal=True):
            st.page_link(
                "train/page.py", label="See the run", icon=":material/monitoring:", query_params={"run": run.id}
            )
            st.page_link("train/page.py", label="Train another", icon=":material/model_training:")


def no_weights(run: Run, step: int) -> None:
    """The checkpoint is known, but there is no model to ask."""
    with st.container(border=True):
        st.subheader("There are no weights to ask", anchor=False)
        if run.demo:
            st.markdown(
                "This is the precomputed demo: it holds metrics, influence and texts, but no model weights. Train a run of "
                "your own on the same sample; that takes some minutes."
            )
        else:
            st.markdown(f"The weights of step {step:,} are not kept. Choose another checkpoint above, or train a run.")
        with st.container(horizontal=True):
            if run.demo:
                st.page_link("overview/page.py", label="Start with the sample", icon=":material/rocket_launch:")
            st.page_link(
                "train/page.py",
                label="Train one like it",
                icon=":material/model_training:",
                query_params={"clone": run.id},
            )
