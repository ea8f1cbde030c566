"""Files from a browser → tables, each parsed once, with caps and in a limited process."""

import hashlib
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core.actions.datasets import caps_of
from core.datasets.errors import DataError
from core.datasets.ingest import display_name, read_bytes
from core.datasets.mapping import SPLITS
from core.formats import counted, plain
from core.settings import get_settings

TYPES = ["csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet"]
ONE, SEVERAL = "One file", "Separate train, dev and test files"


@dataclass(frozen=True)
class Upload:
    """Parsed tables by split (only "train" where one file holds everything), file names for show, and a key."""

    tables: dict[str, pd.DataFrame]
    names: dict[str, str]
    token: str


def upload_form() -> Upload | None:
    """The file fields; None until there is a training table, with the reason shown where there should be one."""
    way = st.radio("How does it come?", [ONE, SEVERAL], horizontal=True, key="file-way", label_visibility="collapsed")
    if way == ONE:
        given = {
            "train": _field("Your file", "one", "It may have a column that says which rows are train, dev and test.")
        }
    else:
        columns = st.columns(3)
        given = {}
        for column, split in zip(columns, SPLITS, strict=True):
            with column:
                needed = "" if split == "train" else " (optional)"
                given[split] = _field(f"{split.capitalize()}{needed}", split, None)
    files = {split: file for split, file in given.items() if file is not None}
    if not files:
        st.caption(
            "CSV, TSV, JSON lines, a JSON array or Parquet. One row an example; a column with the text, one with the "
            "label, and, best, one with the confound. You can also build the confound from words in the text."
        )
        st.session_state.pop("data-upload", None)
        return None
    if "train" not in files:
        st.info("Add the training file as well.", icon=":material/upload_file:")
        return None
    token = hashlib.sha256("|".join(f"{split}:{file.file_id}" for split, file in files.items()).encode()).hexdigest()[
        :12
    ]
    return _parsed(files, token)


def _field(label: str, key: str, help_text: str | None):
    return st.file_uploader(
        label, type=TYPES, key=f"file-{key}", help=help_text, max_upload_size=get_settings().max_upload_mb
    )


def _parsed(files: dict[str, object], token: str) -> Upload | None:
    kept = st.session_state.get("data-upload")
    if kept is None or kept[0] != token:
        try:
            with st.spinner("Reading …"):
                tables = {
                    split: read_bytes(file.getvalue(), name=file.name, caps=caps_of(get_settings()))
                    for split, file in files.items()
                }
                names = {split: display_name(file.name) for split, file in files.items()}
                outcome: Upload | str = Upload(tables, names, token)
        except DataError as error:
            outcome = str(error)
        kept = (token, outcome)
        st.session_state["data-upload"] = kept
        st.session_state.pop("data-checked", None)
    if isinstance(kept[1], str):
        st.error(f"{plain(kept[1])} Nothing was stored.", icon=":material/error:")
        return None
    upload: Upload = kept[1]
    read = [
        f"{plain(upload.names[split])}: {counted(len(table), 'row')}, {counted(len(table.columns), 'column')}"
        for split, table in upload.tables.items()
    ]
    st.caption(" · ".join(read))
    return upload
