"""What a callback has to tell: kept until the whole page is drawn again, since a toast of a run that breaks off is not seen."""

import streamlit as st

_SAID = "said"


def say(text: str, icon: str) -> None:
    """Tell this in a toast of the next run of the page; the callback then ends with `st.rerun()`."""
    st.session_state.setdefault(_SAID, []).append((text, icon))


def show_said() -> None:
    """The toasts of what was said since the page was last drawn."""
    for text, icon in st.session_state.pop(_SAID, []):
        st.toast(text, icon=icon)
