"""Data sets that are kept: the list, and one of them with its profile."""

import pandas as pd
import streamlit as st
from sqlalchemy import func, select

from core.actions.deleting import delete_dataset
from core.errors import UserError
from core.formats import NOTHING, age, count, plain
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Run
from core.views.texts import help_for
from pages.data.profile_view import show_notes, show_profile, show_rows
from pages.parts.owners import owner_words, owners_shown, why_not, with_owners
from pages.parts.tables import csv_bytes, download_csv


def show_list(store: Store) -> None:
    """The table of data sets; choosing a line opens it."""
    there = queries.list_datasets(store)
    if not there:
        return
    runs = _runs_by_dataset(store)
    st.subheader("Your data sets", anchor=False)
    frame = pd.DataFrame([_line(one, runs.get(one.id, 0)) for one in there])
    frame = with_owners(frame, [one.owner for one in there])
    picked = st.dataframe(
        frame.assign(**{"Confound alone": 100 * frame["Confound alone"]}),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="datasets",
        height=min(38 + 35 * len(frame), 320),
        placeholder=NOTHING,
        column_config={
            "Alignment (V)": st.column_config.NumberColumn(format="%.2f", help=f"In training. {help_for('cramers_v')}"),
            "Confound alone": st.column_config.NumberColumn(format="%.1f %%", help=f"On dev. {help_for('floor')}"),
            "Kept": st.column_config.DatetimeColumn(format="distance"),
        },
        alt="Data sets: rows by split, labels, confounds, alignment, confound-only floor, runs and age",
    )
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption("Choose a line to see its table, train on it or delete it.", width="content")
        download_csv(frame, "data-sets.csv", key="datasets-csv")
    if picked.selection.rows:
        st.query_params["dataset"] = there[picked.selection.rows[0]].id
        st.rerun()


def show_dataset(store: Store, name: str) -> None:
    """The view of `?dataset=…`."""
    st.page_link("data/page.py", label="All data sets", icon=":material/arrow_back:")
    try:
        dataset = queries.get_dataset(store, name)
    except UserError:
        st.warning("There is no such data set; it may have been deleted.", icon=":material/search_off:")
        return
    if st.session_state.pop("dataset-kept", None) == dataset.id:
        st.toast("Kept.", icon=":material/check_circle:")
    st.title(plain(dataset.name), anchor=False)
    st.caption(_origin(store, dataset))
    with st.container(horizontal=True):
        if st.button("Train on it", type="primary", icon=":material/model_training:", key="train-on-it"):
            st.switch_page("train/page.py", query_params={"dataset": dataset.id})
        st.download_button(
            "Examples as CSV",
            data=lambda: csv_bytes(queries.examples(store, dataset)),
            file_name=f"{dataset.id}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="dataset-csv",
        )
        _delete(store, dataset)
    show_profile(dataset.profile, key=dataset.id)
    show_notes(dataset.sources.get("notes", []))
    show_rows(_examples(store, dataset.id), key=dataset.id)


@st.cache_data(max_entries=4, show_spinner="Reading the examples …")
def _examples(_store: Store, dataset_id: str) -> pd.DataFrame:
    return queries.examples(_store, queries.get_dataset(_store, dataset_id))


def _delete(store: Store, dataset: Dataset) -> None:
    why = why_not(dataset.owner)
    with st.popover("Delete", icon=":material/delete:", disabled=why is not None, help=why):
        st.markdown(
            "Delete this data set? Runs that were trained on it have to be deleted before, and cannot be brought back after it. This cannot be undone."
        )
        if st.button("Delete the data set", type="primary", key="delete-dataset"):
            try:
                delete_dataset(store, dataset)
            except UserError as error:
                st.error(plain(str(error)), icon=":material/error:")
            else:
                st.query_params.clear()
                st.rerun()


def _origin(store: Store, dataset: Dataset) -> str:
    parts = [f"Kept {age(dataset.created_at)}"]
    if owners_shown():
        parts.append(plain(owner_words(dataset.owner)))
    if dataset.sample:
        parts.append("bundled sample")
    files = list(dataset.sources.get("files", {}).values())
    if files:
        parts.append("from " + plain(", ".join(str(file) for file in files)))
    if dataset.control_of:
        with store.reading() as session:
            main = session.get(Dataset, dataset.control_of)
        if main is not None:
            parts.append(f"no-spurious control of {plain(main.name)}")
    parts.append(f"SHA-256 {dataset.sha256[:12]}…")
    return " · ".join(parts)


def _line(dataset: Dataset, runs: int) -> dict[str, object]:
    splits = dataset.profile["splits"]
    evaluated = splits.get("dev") or splits["train"]
    return {
        "Name": dataset.name,
        "Train / dev / test": " / ".join(
            count(splits[split]["n"]) if split in splits else "–" for split in ("train", "dev", "test")
        ),
        "Labels": ", ".join(dataset.labels),
        "Confounds": ", ".join(dataset.confounds),
        "Alignment (V)": splits["train"]["cramers_v"],
        "Confound alone": evaluated["confound_only_floor"],
        "Runs": runs,
        "Kept": dataset.created_at,
    }


def _runs_by_dataset(store: Store) -> dict[str, int]:
    with store.reading() as session:
        rows = session.execute(select(Run.dataset_id, func.count()).where(queries.THERE).group_by(Run.dataset_id)).all()
    return {row[0]: row[1] for row in rows}
