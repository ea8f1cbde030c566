"""Training examples beside the pinned probe: those of the chosen bin, the most helpful, the most harmful."""

import numpy as np
import pandas as pd
import streamlit as st

from core.views.charts import safe_filename
from core.views.formats import counted, plain
from core.views.probe_groups import extreme, in_bins
from pages.diagnose.figure import Shown, bin_line
from pages.diagnose.link import asked, format_bins
from pages.diagnose.probes import for_screen
from pages.parts.address import go_to
from pages.parts.tables import download_csv

SHOWN_ROWS = 300
EXTREMES = 10
LISTS = {"bin": "In the chosen bin", "helpful": "Most helpful", "harmful": "Most harmful"}
SAME, DIFFERENT, OTHER = "🟧 same", "🟦 different", "other label"


def show_list(shown: Shown, name: str) -> None:
    """The switch between the three lists, and the one that is chosen."""
    wish = asked().show
    chosen = wish if wish in LISTS else "bin" if shown.bins is not None else "helpful"
    st.session_state["diagnose-show"] = chosen
    st.subheader("Training examples", anchor=False)
    st.segmented_control(
        "Show",
        list(LISTS),
        format_func=LISTS.get,
        key="diagnose-show",
        on_change=lambda: go_to(show=st.session_state["diagnose-show"]),
        label_visibility="collapsed",
        required=True,
    )
    st.session_state["diagnose-words"] = asked().words
    st.text_input(
        "Find in training texts",
        key="diagnose-words",
        on_change=lambda: go_to(words=st.session_state["diagnose-words"]),
        icon=":material/search:",
        placeholder="Part of a training example's text",
        max_chars=200,
    )
    if chosen == "bin":
        _bin(shown, name)
    else:
        _extremes(shown, name, highest=chosen == "helpful")


def rows_table(shown: Shown, rows: np.ndarray) -> pd.DataFrame:
    """Training rows with their influence on the probe and the group they are in."""
    part = shown.train.iloc[rows]
    group = np.select([shown.groups.same[rows], shown.groups.different[rows]], [SAME, DIFFERENT], OTHER)
    return pd.DataFrame(
        {
            "influence": shown.groups.scores[rows],
            "group": group,
            "label": part["label"].to_numpy(),
            "confound": part["confound"].to_numpy(),
            "text": part["text"].to_numpy(),
            "text_b": part["text_b"].to_numpy(),
            "id": part["id"].to_numpy(),
        }
    )


def with_words(shown: Shown, words: str) -> np.ndarray:
    """Which training rows hold these words in either text [N], taken literally, whatever the case."""
    if not words:
        return np.ones(len(shown.train), dtype=bool)
    texts = (shown.train[column].astype("object").fillna("").astype(str) for column in ("text", "text_b"))
    first, second = (column.str.contains(words, case=False, regex=False).to_numpy(dtype=bool) for column in texts)
    return np.asarray(first | second)


def _bin(shown: Shown, name: str) -> None:
    if shown.bins is None:
        st.caption("Click a bar of the figure above, or choose a bin from the list beneath it.")
        return
    rows = in_bins(shown.groups, shown.histogram.edges, *shown.bins)
    found = rows[with_words(shown, asked().words)[rows]]
    if not len(found):
        none = " None of them has these words." if len(rows) else ""
        st.caption(f"Influence {bin_line(shown.histogram, *shown.bins)}.{none}")
        return
    rows = found
    _table(
        shown,
        rows,
        f"Influence {bin_line(shown.histogram, *shown.bins)}.",
        f"{name}-bin-{format_bins(shown.bins)}",
        key="bin",
    )


def _extremes(shown: Shown, name: str, *, highest: bool) -> None:
    said = (
        "Training on these speaks for the probe's label the most."
        if highest
        else "Training on these speaks against the probe's label the most."
    )
    st.caption(said)
    word = "helpful" if highest else "harmful"
    there = with_words(shown, asked().words)
    if not there.any():
        st.caption("No training example has these words.")
    for title, among, key in (
        (
            f"Label {plain(shown.probe['label'])}, like the probe",
            shown.groups.same | shown.groups.different,
            "same-label",
        ),
        ("Other labels", shown.groups.other_label, "other-label"),
    ):
        rows = extreme(shown.groups, among & there, EXTREMES, highest=highest)
        if len(rows):
            _table(shown, rows, f"**{title}**", f"{name}-most-{word}-{key}", key=f"{word}-{key}")


def _table(shown: Shown, rows: np.ndarray, title: str, filename: str, *, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        cut = f" The first {SHOWN_ROWS} are shown; the CSV has all." if len(rows) > SHOWN_ROWS else ""
        st.markdown(f"{title}{cut}", width="content")
        download_csv(rows_table(shown, rows), f"{safe_filename(filename)}.csv", key=f"diagnose-csv-{key}")
    table = for_screen(rows_table(shown, rows[:SHOWN_ROWS]))
    if table["text_b"].isna().all():
        table = table.drop(columns="text_b")
    st.dataframe(
        table.drop(columns="id"),
        hide_index=True,
        height=390 if len(table) > 10 else "auto",
        placeholder="",
        column_config={
            "influence": st.column_config.NumberColumn("Influence", format="%.3f", width="small"),
            "group": st.column_config.TextColumn("Group", width=105),
            "label": st.column_config.TextColumn("Label", width="small"),
            "confound": st.column_config.TextColumn("Confound", width="small"),
            "text": st.column_config.TextColumn("Text", width="large"),
            "text_b": st.column_config.TextColumn("Second text", width="medium"),
        },
        alt=f"{counted(len(table), 'training example')} with influence on the probe, group, label, confound and text",
    )
