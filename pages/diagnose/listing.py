"""Training examples beside the pinned probe: those chosen in the figure, the most helpful, the most harmful; by text."""

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from core.formats import count, counted, plain
from core.views.charts import safe_filename
from core.views.probe_groups import extreme, in_bins
from core.views.strips import inside
from pages.diagnose.figure import Shown, bin_line
from pages.diagnose.link import asked, format_bins
from pages.diagnose.probes import for_screen
from pages.parts.address import go_to
from pages.parts.diagnosis_data import matches
from pages.parts.tables import download_csv

SHOWN_ROWS = 300
EXTREMES = 10
LISTS = {"bin": "Chosen in the figure", "helpful": "Most helpful", "harmful": "Most harmful"}
SAME, DIFFERENT, OTHER = "🟧 same", "🟦 different", "other label"


def show_list(shown: Shown, name: str) -> None:
    """The switch between the three lists, and the one that is chosen."""
    wish = asked().show
    chosen = wish if wish in LISTS else "bin" if shown.bins is not None or shown.area is not None else "helpful"
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
    words = asked().find_train
    st.session_state["diagnose-find-train"] = words
    st.text_input(
        "Find in training texts",
        key="diagnose-find-train",
        on_change=lambda: go_to(find_train=st.session_state["diagnose-find-train"]),
        icon=":material/search:",
        placeholder="Only examples with these words, as they stand here",
        max_chars=200,
    )
    shown = replace(shown, found=matches(shown.dataset_id, words) if words else None)
    if chosen == "bin":
        _chosen(shown, name)
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


def _chosen(shown: Shown, name: str) -> None:
    if shown.dots is not None and shown.area is not None:
        rows = inside(shown.dots, shown.area)
        same = int(shown.groups.same[rows].sum())
        said = (
            f"{counted(len(rows), 'dot')} in the drawn area: {count(same)} with the same confound, "
            f"{count(len(rows) - same)} with another."
        )
        filename = f"{name}-area"
    elif shown.bins is not None:
        rows = in_bins(shown.groups, shown.histogram.edges, *shown.bins)
        said = f"Influence {bin_line(shown.histogram, *shown.bins)}."
        filename = f"{name}-bin-{format_bins(shown.bins)}"
    else:
        st.caption(
            "Draw a box or a lasso on the figure above, or choose a bin from the list beneath it."
            if shown.dots is not None
            else "Click a bar of the figure above, or choose a bin from the list beneath it."
        )
        return
    if shown.found is not None:
        rows = rows[shown.found[rows]]
        said += f" {counted(len(rows), 'has', 'have')} the words."
    if not len(rows):
        st.caption(said)
        return
    _table(shown, rows, said, filename, key="bin")


def _extremes(shown: Shown, name: str, *, highest: bool) -> None:
    said = (
        "Training on these speaks for the probe's label the most."
        if highest
        else "Training on these speaks against the probe's label the most."
    )
    st.caption(said)
    word = "helpful" if highest else "harmful"
    for title, among, key in (
        (
            f"Label {plain(shown.probe['label'])}, like the probe",
            shown.groups.same | shown.groups.different,
            "same-label",
        ),
        ("Other labels", shown.groups.other_label, "other-label"),
    ):
        rows = extreme(shown.groups, among if shown.found is None else among & shown.found, EXTREMES, highest=highest)
        if len(rows):
            _table(shown, rows, f"**{title}**", f"{name}-most-{word}-{key}", key=f"{word}-{key}")
        elif shown.found is not None:
            st.caption(f"{title}: no training example has these words.")


def _table(shown: Shown, rows: np.ndarray, title: str, filename: str, *, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        cut = f" The first {SHOWN_ROWS} are shown; the CSV has all." if len(rows) > SHOWN_ROWS else ""
        st.markdown(f"{title}{cut}", width="content")
        download_csv(lambda: rows_table(shown, rows), f"{safe_filename(filename)}.csv", key=f"diagnose-csv-{key}")
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
