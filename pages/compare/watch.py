"""Runs of a chosen group that are still at work: the page takes each in when it has finished."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.formats import counted
from core.views.compare_choices import Choice, state_of
from pages.parts.progress import EVERY_SECONDS
from pages.parts.store import open_store


def watch(wanted: Sequence[Choice], state: tuple[Any, ...]) -> None:
    """Say how many, and run the page anew when something has changed."""
    st.fragment(_live, run_every=EVERY_SECONDS)(wanted, state)


def _live(wanted: Sequence[Choice], state: tuple[Any, ...]) -> None:
    if state_of(open_store(), wanted) != state:
        st.rerun()
    at_work = sum(one.at_work for one in wanted)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f":material/hourglass_empty: {counted(at_work, 'run')} of these still waits or trains."
            if at_work == 1
            else f":material/hourglass_empty: {counted(at_work, 'run')} of these still wait or train.",
            width="content",
        )
        st.page_link("jobs/page.py", label="Jobs", icon=":material/checklist:")
