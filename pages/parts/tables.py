"""Tables that can be taken home: CSV whose cells no spreadsheet takes for a formula."""

import csv
from collections.abc import Callable, Sequence
from io import StringIO

import pandas as pd
import streamlit as st

from core.actions.csv_safe import safe_cell


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """The table as UTF-8 CSV with a header, safe to open in a spreadsheet (CWE-1236). Missing values are empty."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe_cell(str(name)) for name in frame.columns])
    for row in frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None):
        writer.writerow([safe_cell(value) for value in row])
    return out.getvalue().encode("utf-8")


def chosen_rows(name: str, rows: Sequence[int]) -> tuple[str, dict[str, dict[str, list[int]]]]:
    """The key and the `selection_default` of a table in which these rows are chosen.

    Where the visitor chose them in the table itself both stay as they were: the table is then the same as the one in the
    browser, and is neither sent nor drawn again. Where the address chose others, as it does on the way back through the
    browser's history, the table gets another key: one that is there already keeps its own choice, whatever its default.
    """
    wanted, kept, turn = list(rows), f"{name}-default", f"{name}-turn"
    place = st.session_state.setdefault(turn, 0)
    there = st.session_state.get(f"{name}-{place}")
    if kept not in st.session_state or there is None:
        st.session_state[kept] = wanted
    elif list(there["selection"]["rows"]) != wanted:
        st.session_state[kept] = wanted
        st.session_state[turn] = place = place + 1
    return f"{name}-{place}", {"selection": {"rows": st.session_state[kept]}}


def download_csv(
    frame: pd.DataFrame | Callable[[], pd.DataFrame], filename: str, *, key: str, label: str = "CSV"
) -> None:
    """A small button that hands out the table; the page does not run again for it.

    frame: the table, or what makes it once it is asked for.
    """
    st.download_button(
        label,
        data=lambda: csv_bytes(frame if isinstance(frame, pd.DataFrame) else frame()),
        file_name=filename,
        mime="text/csv",
        key=key,
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        help="This table as a CSV file. Cells that begin like a formula get an apostrophe in front.",
    )
