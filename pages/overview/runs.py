"""Every run in one table with its key numbers and its course; chosen lines offer where to go and what to do."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import pandas as pd
import streamlit as st

from core.actions.deleting import Deleted
from core.actions.run_list import state
from core.formats import NOTHING, counted
from core.store import queries
from core.store.engine import Store
from core.store.queries import RunRow
from core.views.notes import first_words
from core.views.texts import METHODS, VERDICTS, help_for
from pages.overview.chosen import show_chosen
from pages.overview.groups import show_groups
from pages.overview.names import STATE_NAMES
from pages.overview.pickers import chosen, clear, pick
from pages.parts.address import go_to
from pages.parts.keeping import show_deleted
from pages.parts.owners import with_owners
from pages.parts.tables import chosen_rows, download_csv

MOST_CHOSEN = 50
MOST_LINES = 1000
SHARES = ("Accuracy", "Confound alone", "Worst cell")


@st.fragment
def show_runs(store: Store, runs: Sequence[RunRow], deleted: Sequence[Deleted]) -> None:
    """Pickers, the table, and what can be done with the chosen lines.

    A fragment: to find, sort and choose reads nothing that stands above again. What changes a run has the whole page drawn.
    """
    st.subheader("Runs", anchor=False)
    if runs:
        wish = pick(runs)
        lines = chosen(store, runs, wish)
        if not lines:
            _nothing(len(runs))
        elif wish.view == "groups":
            show_groups(lines)
        else:
            if len(lines) > MOST_LINES:
                st.caption(f"The first {MOST_LINES:,} of {len(lines):,} runs. Find or filter to see others.")
            _table(store, lines[:MOST_LINES])
    show_deleted(deleted)


def _nothing(number: int) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"None of the {counted(number, 'run')} is like that.", width="stretch")
        st.button("Show all", key="runs-all", icon=":material/filter_alt_off:", on_click=clear)


def _table(store: Store, runs: Sequence[RunRow]) -> None:
    ids = [run.id for run in runs]
    asked = st.query_params.get_all("chosen")
    wanted = [place for place, run in enumerate(runs) if run.id in asked or run.name in asked]
    table, row = st.container(), st.container(horizontal=True, vertical_alignment="center")
    if wanted:  # before the table, which a choice in it leaves as it is
        show_chosen(store, [runs[place] for place in wanted])
    courses = _courses(store, tuple((run.id, run.status, run.cid, run.accuracy) for run in runs))
    frame = with_owners(pd.DataFrame([_line(run, courses) for run in runs]), [run.owner for run in runs])
    # Selections are positions: the key changes with what is at which position, and the callback maps them to ids.
    key, default = chosen_rows(f"runs-{sha256(' '.join(ids).encode()).hexdigest()[:12]}", wanted)
    shown = frame.assign(**{name: 100 * frame[name].astype(float) for name in SHARES})
    if all(run.note == "" for run in runs):
        shown = shown.drop(columns="Note")
    table.dataframe(
        shown,
        hide_index=True,
        on_select=lambda: _picked(key, ids),
        selection_mode="multi-row",
        selection_default=default,
        key=key,
        height=min(38 + 35 * len(frame), 560),
        placeholder=NOTHING,
        column_config=_columns(),
        alt="Runs: name, data set, method, status, accuracy beside the confound-only floor, worst cell, CID, its course "
        "over training, verdict, note, age",
    )
    with row:
        if not wanted:
            st.caption("Choose lines to open, compare, note or delete them.", width="content")
        st.space("stretch")
        download_csv(frame.drop(columns="Over training"), "runs.csv", key="runs-csv")


@st.cache_data(ttl=10, max_entries=16, show_spinner=False)
def _courses(_store: Store, runs: Sequence[tuple[object, ...]]) -> dict[str, tuple[str, list[float]]]:
    """The course of each run, kept for a moment: a choice of lines changes none. runs: (id, what changes with a course …)."""
    return queries.sparks(_store, [str(run[0]) for run in runs])


def _picked(key: str, ids: Sequence[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    there = [ids[row] for row in rows if row < len(ids)][:MOST_CHOSEN]
    if there:
        st.query_params["chosen"] = there
    else:
        go_to(chosen=None)


def _columns() -> dict[str, object]:
    column = st.column_config
    return {
        "Run": column.TextColumn(width=190),
        "Data set": column.TextColumn(width=150),
        "Method": column.TextColumn(help="How it was trained."),
        "On": column.TextColumn(help=f"The split of the accuracies. {help_for('split')}", width=60),
        "Accuracy": column.NumberColumn(format="%.1f %%", help=help_for("accuracy")),
        "Confound alone": column.NumberColumn(format="%.1f %%", help=help_for("floor")),
        "Worst cell": column.NumberColumn(format="%.1f %%", help=help_for("worst_cell")),
        "CID": column.NumberColumn(format="%.2f", help=help_for("cid")),
        "Over training": column.LineChartColumn(
            width=110,
            help="The course over training, from the lowest to the highest it was: of CID, where that was measured more "
            "than one time, else of accuracy on dev.",
        ),
        "of": column.TextColumn(width=70, help="What the line shows."),
        "Verdict": column.TextColumn(help=help_for("verdict")),
        "Note": column.TextColumn(
            width=180, help="The beginning of the run's note. Choose the line to read all of it."
        ),
        "Made": column.DatetimeColumn(format="distance"),
    }


def _line(run: RunRow, courses: Mapping[str, tuple[str, list[float]]]) -> dict[str, object]:
    of, course = courses.get(run.id, (None, None))
    return {
        "Run": run.name,
        "Data set": run.dataset,
        "Method": METHODS.get(run.method, run.method),
        "Status": STATE_NAMES.get(state(run), run.status),
        "On": run.split,
        "Accuracy": run.accuracy,
        "Confound alone": run.floor,
        "Worst cell": run.worst_cell,
        "CID": run.cid,
        "Over training": course,
        "of": {"cid": "CID", "accuracy": "accuracy"}.get(of or ""),
        "Verdict": VERDICTS.get(run.verdict, run.verdict) if run.verdict else None,
        "Note": first_words(run.note),
        "Made": run.created_at,
    }
