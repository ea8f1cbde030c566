"""The page where there is nothing to compare: what is missing, and the one step that brings it."""

import streamlit as st


def no_runs() -> None:
    """The store has no run."""
    with st.container(border=True):
        st.subheader("There is nothing to compare yet", anchor=False)
        st.markdown(
            "A comparison shows whether one method is better than another, or whether it was the luck of the seed. Train "
            "a method with three seeds or more, then another one on the same data; both appear here as groups."
        )
        with st.container(horizontal=True):
            st.page_link("overview/page.py", label="Start with the sample", icon=":material/rocket_launch:")
            st.page_link("train/page.py", label="Train with several seeds", icon=":material/model_training:")


def nothing_chosen() -> None:
    """There are runs, but none is chosen."""
    with st.container(border=True):
        st.subheader("Choose what to compare", anchor=False)
        st.markdown("Pick two seed groups or runs above. Those on the same data set tell the most about their methods.")


def nothing_ready() -> None:
    """What is chosen has no result on any split."""
    with st.container(border=True):
        st.subheader("Nothing of this can be compared yet", anchor=False)
        st.markdown("A run can be compared when it has finished and was evaluated. This page then shows it by itself.")
        with st.container(horizontal=True):
            st.page_link("jobs/page.py", label="Jobs", icon=":material/checklist:")
            st.page_link("train/page.py", label="Train another", icon=":material/model_training:")


def only_models() -> None:
    """Everything that is compared has one seed."""
    st.info(
        "These are single models: they differ by the luck of their seed, too. To compare methods, train each with "
        "several seeds.",
        icon=":material/casino:",
    )
    st.page_link("train/page.py", label="Train with several seeds", icon=":material/model_training:")
