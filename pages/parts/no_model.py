"""What stands where a run has no weights to work with: why, and the one step that brings some."""

import streamlit as st

from core.formats import plain
from core.store.tables import Run

_ENDED = {"failed": "Its training failed.", "cancelled": "Its training was cancelled."}


def no_checkpoint(run: Run, *, later: str, never: str) -> None:
    """The run has no checkpoint. later: what can be done once it has one; never: a title where it will have none."""
    with st.container(border=True):
        if run.status in ("queued", "running"):
            st.subheader("This run is still training", anchor=False)
            st.markdown(later)
        else:
            st.subheader(never, anchor=False)
            st.markdown(
                f"{_ENDED.get(run.status, 'None was kept.')} {plain(run.error or '')} Choose another run above."
            )
        with st.container(horizontal=True):
            st.page_link(
                "train/page.py", label="See the run", icon=":material/monitoring:", query_params={"run": run.id}
            )
            st.page_link("train/page.py", label="Train another", icon=":material/model_training:")


def no_weights(run: Run, step: int, *, title: str) -> None:
    """The checkpoint is known, but its weights are not kept."""
    with st.container(border=True):
        st.subheader(title, anchor=False)
        if run.demo:
            st.markdown(
                "This is the precomputed demo: it holds metrics, influence and texts, but no model weights. Train a run "
                "of your own on the same sample; that takes some minutes."
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
