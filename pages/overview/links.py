"""Links to pages that other parts of the program bring along."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

COMPARE = Path(__file__).parents[1] / "compare" / "page.py"


def compare_link(*, runs: Sequence[str] = (), groups: Sequence[str] = ()) -> None:
    """To these side by side."""
    if COMPARE.exists():
        st.page_link(
            "compare/page.py",
            label="Compare",
            icon=":material/balance:",
            query_params={"runs": list(runs)} if runs else {"groups": list(groups)},
            width="content",
        )
