"""What a reader has to know, and what the comparison does not show."""

import streamlit as st

from core.actions.comparison import GroupComparison
from core.formats import plain


def show_notes(found: GroupComparison) -> None:
    """One line a note."""
    if not found.notes:
        return
    st.subheader("What to keep in mind", anchor=False)
    st.markdown("\n".join(f"- {plain(note)}" for note in found.notes))
