"""The comparison itself, kept until something that it rests on changes: resampling takes seconds."""

from typing import Any

import streamlit as st

from core.actions.comparing import compare_groups
from core.actions.comparison import GroupComparison
from core.actions.seed_groups import Split
from pages.parts.store import open_store


@st.cache_resource(max_entries=16, show_spinner="Resampling seeds and examples …")
def compared(names: tuple[str, ...], split: Split, state: tuple[Any, ...]) -> GroupComparison:  # noqa: ARG001
    """The groups, the baseline first. Shared between visitors; nothing in it changes.

    state: of their runs (`state_of`); when it is another, so is the comparison.
    """
    return compare_groups(open_store(), names, split=split)
