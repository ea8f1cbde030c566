"""The page where nothing can be tuned: what is missing, and the one step that brings it."""

import streamlit as st


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
