"""What can be done with the chosen lines of the run list."""

from collections.abc import Sequence

import streamlit as st

from core.formats import counted, plain
from core.store import queries
from core.store.engine import Store
from core.store.queries import RunRow
from pages.overview.attention import MOST_AT_ONCE, diagnose_final
from pages.overview.links import compare_link
from pages.parts.keeping import delete_button, rename_box
from pages.parts.notes import edit_note, show_note


def show_chosen(store: Store, runs: Sequence[RunRow]) -> None:
    """Links and buttons for one run, or for several together."""
    with st.container(border=True, key="chosen-runs"):
        if len(runs) == 1:
            _one(store, runs[0])
        else:
            _several(store, runs)


def _one(store: Store, run: RunRow) -> None:
    note = queries.get_run(store, run.id).note
    st.markdown(f"**{plain(run.name)}**")
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.cid is not None or run.verdict is not None:
            _link("diagnose", "Diagnose", ":material/query_stats:", run=run.id)
        elif run.status == "done" and not run.demo:
            _diagnose_button([run])
        _link("train", "Curves and cells", ":material/monitoring:", run=run.id)
        if run.status == "done" and not run.demo:
            _link("tune", "Tune", ":material/healing:", run=run.id)
        if run.status == "done":
            compare_link(about=run.group or run.name)
        _link("data", "Data", ":material/table_view:", dataset=run.dataset_id)
        _link("train", "Copy the settings", ":material/content_copy:", clone=run.id)
        rename_box(run.id, run.name, key=f"rename-{run.id}")
        edit_note(run.id, note, key=f"note-{run.id}")
        delete_button([(run.id, run.name)], busy=_busy(store, [run]), key="delete-chosen")
    show_note(note)


def _several(store: Store, runs: Sequence[RunRow]) -> None:
    st.markdown(f"**{counted(len(runs), 'run')} chosen**")
    with st.container(horizontal=True, vertical_alignment="center"):
        compare_link(runs=[run.id for run in runs])
        silent = [run for run in runs if run.status == "done" and run.verdict is None and not run.demo]
        if silent:
            _diagnose_button(silent[:MOST_AT_ONCE])
        delete_button([(run.id, run.name) for run in runs], busy=_busy(store, runs), key="delete-chosen")
        for run in runs[:6]:
            page = "diagnose" if run.cid is not None else "train"
            _link(page, plain(run.name), ":material/arrow_forward:", run=run.id)


def _diagnose_button(runs: Sequence[RunRow]) -> None:
    st.button(
        "Diagnose it" if len(runs) == 1 else f"Diagnose {len(runs)} of them",
        key="diagnose-chosen",
        icon=":material/query_stats:",
        on_click=diagnose_final,
        args=([run.id for run in runs],),
    )


def _link(page: str, label: str, icon: str, **query: str) -> None:
    st.page_link(f"{page}/page.py", label=label, icon=icon, query_params=query, width="content")


def _busy(store: Store, runs: Sequence[RunRow]) -> bool:
    ids = {run.id for run in runs}
    return any(job.run_id in ids for job in queries.list_jobs(store, active=True))
