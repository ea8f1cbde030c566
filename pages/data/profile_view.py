"""A profile in words, tables and one chart: cells, alignment, floors, duplicates, lengths."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets.warn import THIN
from core.formats import count, counted, listed, percent, plain, signed
from core.views.texts import help_for
from pages.data.lengths import lengths_figure
from pages.parts.saving import config
from pages.parts.tables import download_csv

WIDEST = 8
"""Most confound values in a table that is laid out whole; a wider one scrolls."""

SHADE = "138, 127, 208"  # violet: orange, blue and grey have their own meanings
GRAVE = ("empty_cell", "aligned_evaluation", "duplicates_across")


def show_profile(profile: Mapping[str, Any], *, key: str) -> None:
    """Everything that a profile says."""
    splits: dict[str, Any] = profile["splits"]
    st.markdown(_in_words(splits))
    _warnings(profile["warnings"])
    columns = st.columns(len(splits))
    for column, (split, about) in zip(columns, splits.items(), strict=True):
        with column:
            _split(split, about)
    download_csv(cells_table(splits), "cells.csv", key=f"profile-cells-csv-{key}", label="Every cell, CSV")
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**How long the texts are**")
        st.plotly_chart(
            lengths_figure(splits),
            key=f"lengths-{key}",
            config=config("text-lengths"),
            alt=_lengths_in_words(splits),
        )
    with right:
        st.markdown("**Texts that occur again**")
        _duplicates(profile["duplicates"], key)


def show_notes(notes: Sequence[str]) -> None:
    """What was done to get here."""
    for note in notes:
        st.caption(f":material/info: {plain(note)}")


def show_rows(frame: pd.DataFrame, *, key: str, most: int = 100) -> None:
    """The first examples of each split."""
    with st.expander("The first examples", expanded=False):
        split = st.segmented_control(
            "Split",
            list(frame["split"].unique()),
            default=frame["split"].iloc[0],
            required=True,
            key=f"rows-{key}",
            label_visibility="collapsed",
        )
        rows = frame[frame["split"] == split].head(most)
        shown = ["text", *(["text_b"] if rows["text_b"].notna().any() else []), "label", "confound", "id"]
        st.dataframe(
            rows[shown],
            hide_index=True,
            column_config={"text": st.column_config.TextColumn(width="large")},
            alt=f"The first examples of {split} with their label and confound",
        )
        download_csv(rows[shown], f"first-examples-{split}.csv", key=f"rows-csv-{key}-{split}")


def _in_words(splits: Mapping[str, Any]) -> str:
    train = splits["train"]
    strongest = _strongest(train)
    floors = [f"**{percent(about['confound_only_floor'], 0)}** of {split}" for split, about in splits.items()]
    sentence = f"Whoever looked only at the confound would be right on {listed(floors)}."
    if strongest is not None:
        label, confound, share = strongest
        sentence = (
            f"In training, {percent(share, 0)} of the examples labelled **{plain(label)}** have the confound "
            f"**{plain(confound)}**. {sentence}"
        )
    return sentence


def _strongest(about: Mapping[str, Any]) -> tuple[str, str, float] | None:
    """The label and confound that stand out most from what the confound's overall share would give."""
    found = [
        (
            cell["label"],
            cell["confound"],
            cell["n"] / about["labels"][cell["label"]],
            about["confounds"][cell["confound"]] / about["n"],
        )
        for cell in about["cells"]
        if about["labels"][cell["label"]]
    ]
    label, confound, share, overall = max(found, key=lambda cell: cell[2] - cell[3])
    return (label, confound, share) if share - overall > 0.02 else None


def _warnings(warnings: Sequence[Mapping[str, str]]) -> None:
    grave = [one["sentence"] for one in warnings if one["code"] in GRAVE]
    rest = [one["sentence"] for one in warnings if one["code"] not in GRAVE]
    if grave:
        st.warning(_bullets(grave), icon=":material/warning:")
    if rest:
        st.info(_bullets(rest), icon=":material/info:")
    if not warnings:
        st.success("No empty or thin cells, and no text of one split in another.", icon=":material/check_circle:")


def _bullets(sentences: Sequence[str]) -> str:
    lines = [plain(sentence) for sentence in sentences]
    return lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)


def _split(split: str, about: Mapping[str, Any]) -> None:
    st.markdown(f"**{split.capitalize()}** · {counted(about['n'], 'example')}")
    cells = pd.DataFrame(about["cells"])
    counts = cells.pivot(index="label", columns="confound", values="n")
    alt = f"{split}: " + ", ".join(f"{c['label']} × {c['confound']}: {c['n']}" for c in about["cells"][:20])
    if counts.shape[1] > WIDEST or counts.shape[0] > 4 * WIDEST:
        st.dataframe(_shaded(counts, escaped=False), alt=alt)
    else:
        st.table(_shaded(counts, escaped=True), alt=alt)
    with st.container(horizontal=True, gap="large"):
        st.metric("Alignment (V)", signed(about["cramers_v"]), help=help_for("cramers_v"), width="content")
        st.metric("Confound alone", percent(about["confound_only_floor"]), help=help_for("floor"), width="content")


def cells_table(splits: Mapping[str, Any]) -> pd.DataFrame:
    """One row a cell of every split: its examples and their share of the label."""
    return pd.DataFrame(
        [
            {
                "split": split,
                "label": cell["label"],
                "confound": cell["confound"],
                "n": cell["n"],
                "share_of_label": cell["n"] / max(about["labels"][cell["label"]], 1),
            }
            for split, about in splits.items()
            for cell in about["cells"]
        ]
    )


def _shaded(counts: pd.DataFrame, *, escaped: bool) -> Any:
    """Counts with their share of the label; the larger the share, the deeper the shade."""
    share = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    name = plain if escaped else str
    text = counts.astype(object)
    for label in counts.index:
        for confound in counts.columns:
            n = int(counts.loc[label, confound])
            note = " ⚠ empty" if n == 0 else " ⚠ thin" if n < THIN else ""
            text.loc[label, confound] = f"{count(n)} · {percent(share.loc[label, confound], 0)}{note}"
    text.index = [name(str(label)) for label in counts.index]
    text.columns = [name(str(confound)) for confound in counts.columns]
    shades = pd.DataFrame(
        [[f"background-color: rgba({SHADE}, {0.05 + 0.5 * value:.2f})" for value in row] for row in share.to_numpy()],
        index=text.index,
        columns=text.columns,
    )
    return text.style.apply(lambda _: shades, axis=None)


def _duplicates(found: Mapping[str, Any], key: str) -> None:
    lines = [
        f"{counted(rows, 'row')} of {split} repeat an earlier one." for split, rows in found["within"].items() if rows
    ]
    lines += [
        f"{counted(pair['rows'], 'row')} of {pair['second']} are in {pair['first']} too."
        for pair in found["across"]
        if pair["rows"]
    ]
    torn = found["conflicting"]
    if torn["texts"]:
        lines.append(f"{counted(torn['texts'], 'text')} under more than one label:")
    if not lines:
        st.caption("None, neither within a split nor across.")
    for line in lines:
        st.markdown(line)
    if torn["texts"]:
        table = pd.DataFrame([{"Text": one["text"], "Labels": ", ".join(one["labels"])} for one in torn["examples"]])
        st.dataframe(table, hide_index=True, alt="Texts that stand under more than one label")
        download_csv(table, "texts-under-several-labels.csv", key=f"profile-torn-csv-{key}")


def _lengths_in_words(splits: Mapping[str, Any]) -> str:
    return "Histogram of text lengths in words. " + " ".join(
        f"{split}: median {about['lengths']['words']['median']:g}, 95 % have at most {about['lengths']['words']['p95']:g}."
        for split, about in splits.items()
    )
