"""The page where no text can be tried: what is missing, and the one step that brings it."""

import streamlit as st


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
