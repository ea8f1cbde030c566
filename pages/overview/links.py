"""Links from the run list to pages that look at several runs."""

from collections.abc import Sequence

import streamlit as st


def compare_link(*, about: str | None = None, runs: Sequence[str] = (), groups: Sequence[str] = ()) -> None:
    """To these side by side; `about`: a run or group with what belongs beside it."""
    asked = {"about": about} if about is not None else {"runs": list(runs)} if runs else {"groups": list(groups)}
    st.page_link("compare/page.py", label="Compare", icon=":material/balance:", query_params=asked, width="content")
