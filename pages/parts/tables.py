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


def chosen_rows(key: str, rows: Sequence[int]) -> dict[str, dict[str, list[int]]]:
    """The `selection_default` of a table with this key, so that these rows are chosen.

    Where the visitor chose them in the table itself it stays as it was before: the table is then the same as the one in
    the browser, and is neither sent nor drawn again.
    """
    wanted, kept = list(rows), f"{key}-default"
    there = st.session_state.get(key)
    if there is None or list(there["selection"]["rows"]) != wanted or kept not in st.session_state:
        st.session_state[kept] = wanted
    return {"selection": {"rows": st.session_state[kept]}}


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
