"""Examples of the data set to start from: found by a part of their text, picked from a table."""

from collections.abc import Sequence
from hashlib import sha256

import pandas as pd
import streamlit as st

from core.formats import counted, shortened
from core.store.tables import Dataset
from pages.parts.diagnosis_data import examples
from pages.parts.tables import download_csv

SHOWN = 50
SPLITS = ("dev", "test", "train")


def pick_example(dataset: Dataset) -> None:
    """A split, a search and a table; picking a row fills the form."""
    by_split = examples(dataset.id)
    splits = [split for split in SPLITS if split in by_split]
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    split = left.segmented_control("Split", splits, default=splits[0], key="try-split", required=True) or splits[0]
    wanted = right.text_input("Find in text", key="try-find", icon=":material/search:", max_chars=200)
    frame = by_split[str(split)]
    if wanted:
        frame = frame[frame["text"].str.contains(wanted, case=False, regex=False)]
    shown = frame.head(SHOWN)
    ids = [str(one) for one in shown["id"]]
    key = f"try-examples-{sha256(' '.join([str(split), *ids]).encode()).hexdigest()[:12]}"
    st.dataframe(
        _for_screen(shown),
        key=key,
        height=250 if len(shown) > 5 else "auto",
        hide_index=True,
        on_select=lambda: _picked(key, shown),
        selection_mode="single-row",
        placeholder="",
        column_config={
            "text": st.column_config.TextColumn("Text", width="large"),
            "text_b": st.column_config.TextColumn("Second text", width="medium"),
            "label": st.column_config.TextColumn("Label", width="small"),
            "confound": st.column_config.TextColumn("Confound", width="small"),
        },
        alt=f"{counted(len(shown), 'example')} of the {split} split with text, label and confound. Pick a row to try its text.",
    )
    st.caption(
        f"{counted(len(shown), 'example')}"
        + (f" of {counted(len(frame), 'that fits', 'that fit')}; search for others." if len(frame) > SHOWN else ".")
    )
    download_csv(shown, f"{dataset.name}-{split}-examples.csv", key="try-examples-csv")


def _for_screen(frame: pd.DataFrame) -> pd.DataFrame:
    columns = ["text", *(["text_b"] if frame["text_b"].notna().any() else []), "label", "confound"]
    cut = {name: [shortened(text) for text in frame[name]] for name in ("text", "text_b") if name in columns}
    return frame[columns].assign(**cut)


def _picked(key: str, shown: pd.DataFrame) -> None:
    rows: Sequence[int] = st.session_state[key]["selection"]["rows"]
    if not rows or rows[0] >= len(shown):
        return
    one = shown.iloc[rows[0]]
    st.session_state["try-text"] = str(one["text"])
    st.session_state["try-text-b"] = one["text_b"] if isinstance(one["text_b"], str) else ""
    st.session_state["try-confound"] = str(one["confound"])
    st.session_state["try-label"] = ""
    st.session_state["try-example"] = (str(one["id"]), str(one["text"]))
