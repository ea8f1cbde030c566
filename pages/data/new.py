"""New data, in four steps: choose, say what each column is, check, keep."""

import hashlib
import json
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core.actions.datasets import add_sample, read_files, store_dataset
from core.actions.names import name_from_file
from core.datasets.errors import DataError
from core.datasets.mapping import SPLIT_ALIASES, ColumnMapping, values_of
from core.datasets.prepare import Prepared, prepare
from core.datasets.profile import profile
from core.datasets.samples import SAMPLES
from core.errors import UserError
from core.formats import plain
from core.settings import get_settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset
from pages.data.columns_form import mapping_form
from pages.data.files import Upload, upload_form
from pages.data.profile_view import show_notes, show_profile, show_rows

SAMPLE_MAPPING = ColumnMapping(text="text", label="label", confound="confound")


@dataclass(frozen=True)
class Checked:
    """A prepared table with its profile."""

    prepared: Prepared
    profile: dict[str, object]


def show_new(store: Store) -> None:
    """The way from a file to a data set."""
    st.subheader("New data set", anchor=False)
    way = st.segmented_control(
        "Where from",
        ["A file of yours", "A bundled sample"],
        default="A file of yours",
        required=True,
        key="data-way",
        label_visibility="collapsed",
    )
    if way == "A bundled sample":
        _sample(store)
    else:
        _file(store)


def _file(store: Store) -> None:
    upload = upload_form()
    if upload is None:
        return
    st.markdown("**What is each column?** This is a guess: change what is wrong.")
    mapping = mapping_form(upload)
    if mapping is None:
        return
    fraction, seed = _dev_form(upload, mapping)
    checked = _checked(upload, mapping, fraction, seed)
    if checked is None:
        return
    st.divider()
    st.markdown("**Check it.** This is what would be kept.")
    _show(checked)
    _keep(store, upload, mapping, checked, fraction, seed)


def _dev_form(upload: Upload, mapping: ColumnMapping) -> tuple[float, int]:
    """How to cut off a dev split, asked only where there is none."""
    if "dev" in upload.tables:
        return 0.2, 2021
    if mapping.split:
        known = SPLIT_ALIASES | {value.lower(): split for value, split in mapping.split_names.items()}
        if "dev" in set(values_of(upload.tables["train"], mapping.split).str.lower().map(known)):
            return 0.2, 2021
    with st.container(horizontal=True, vertical_alignment="bottom"):
        share = st.number_input(
            "Cut off as dev, %",
            min_value=5,
            max_value=50,
            value=20,
            step=5,
            key=f"dev-share-{upload.token}",
            help="There is no dev split, so this share of every label × confound cell of the training rows becomes it.",
            width=180,
        )
        seed = st.number_input(
            "Seed of the cut", min_value=0, max_value=2**31 - 1, value=2021, key=f"dev-seed-{upload.token}", width=180
        )
    return share / 100, int(seed)


def _checked(upload: Upload, mapping: ColumnMapping, fraction: float, seed: int) -> Checked | None:
    """Prepare and profile once for each state of the form; an error is shown in place of the preview."""
    wish = json.dumps([upload.token, mapping.to_dict(), fraction, seed], sort_keys=True, default=str)
    key = hashlib.sha256(wish.encode("utf-8", "surrogatepass")).hexdigest()
    kept = st.session_state.get("data-checked")
    if kept is None or kept[0] != key:
        try:
            with st.spinner("Checking every row …"):
                prepared = prepare(upload.tables, mapping, dev_fraction=fraction, seed=seed)
                outcome: Checked | str = Checked(prepared, profile(prepared.frame))
        except DataError as error:
            outcome = str(error)
        kept = (key, outcome)
        st.session_state["data-checked"] = kept
    if isinstance(kept[1], str):
        st.error(plain(kept[1]), icon=":material/error:")
        return None
    return kept[1]


def _show(checked: Checked) -> None:
    show_profile(checked.profile, key="new")
    show_notes(checked.prepared.notes)
    show_rows(checked.prepared.frame, key="new")


def _keep(store: Store, upload: Upload, mapping: ColumnMapping, checked: Checked, fraction: float, seed: int) -> None:
    others = queries.list_datasets(store)
    with st.container(border=True):
        name = st.text_input(
            "Name of the data set",
            value=name_from_file(upload.names["train"]),
            max_chars=120,
            key=f"dataset-name-{upload.token}",
        )
        control: Dataset | None = None
        if others:
            control = st.selectbox(
                "Is it the no-spurious control of another data set?",
                [None, *others],
                format_func=lambda one: "No" if one is None else one.name,
                key=f"control-of-{upload.token}",
                help="The same examples with the confound taken out of the text. Diagnoses of the other data set are "
                "then read against models trained on this one.",
            )
        if not st.button("Keep this data set", type="primary", icon=":material/save:", key="keep-dataset"):
            return
    try:
        row = store_dataset(
            store,
            checked.prepared,
            mapping,
            name=name,
            proposal="data",
            sources={"files": upload.names, "dev_fraction": fraction, "seed": seed},
            control_of=control.id if control else None,
        )
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    _open(row)


def _sample(store: Store) -> None:
    key = st.selectbox(
        "Sample",
        list(SAMPLES),
        format_func=lambda one: SAMPLES[one].title,
        key="sample-key",
    )
    sample = SAMPLES[key]
    st.text(sample.description)
    checked = _checked_sample(key)
    _show(checked)
    if st.button("Keep this data set", type="primary", icon=":material/save:", key="keep-sample"):
        try:
            row = add_sample(store, get_settings(), key)
        except UserError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        _open(row)


@st.cache_resource(max_entries=4, show_spinner="Reading the sample …")
def _checked_sample(key: str) -> Checked:
    tables: dict[str, pd.DataFrame] = read_files(get_settings(), SAMPLES[key].files)
    prepared = prepare(tables, SAMPLE_MAPPING)
    return Checked(prepared, profile(prepared.frame))


def _open(row: Dataset) -> None:
    st.session_state.pop("data-checked", None)
    st.session_state.pop("data-upload", None)
    st.session_state["dataset-kept"] = row.id
    st.query_params["dataset"] = row.id
    st.rerun()
