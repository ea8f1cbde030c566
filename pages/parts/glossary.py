"""The foot of every page: a button that opens the glossary."""

import streamlit as st

from core.views.glossary import as_markdown


def show_foot() -> None:
    """Drawn by `pages/main.py` below whatever page there is."""
    with st.container(horizontal=True, horizontal_alignment="right", key="foot"):
        if st.button(
            "Glossary",
            key="glossary",
            type="tertiary",
            icon=":material/dictionary:",
            help="What the terms mean, with their sources.",
        ):
            _glossary()


@st.dialog("Glossary", width="large", icon=":material/dictionary:")
def _glossary() -> None:
    find = st.text_input(
        "Find a term", key="glossary-find", icon=":material/search:", placeholder="CID, floor, seed …", max_chars=60
    )
    st.markdown(as_markdown(find) or "No term has these words.")
