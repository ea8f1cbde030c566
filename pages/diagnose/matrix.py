"""Probes × training examples: the whole matrix in one picture, where a click pins a probe."""

import pandas as pd
import streamlit as st

from core.formats import counted, plain, signed
from core.views.diagnoses import Point
from core.views.influence_blocks import Blocks, blocks_figure, cells_table
from core.views.texts import help_for
from pages.diagnose.link import asked
from pages.diagnose.probes import pinned_row
from pages.parts.address import go_to
from pages.parts.diagnosis_data import blocks, probe_table
from pages.parts.saving import config
from pages.parts.tables import download_csv

KEY = "diagnose-matrix"
VIEWS = {"table": "Table", "matrix": "Matrix"}


def pick_view() -> str:
    """The switch between the table of probes and the matrix; only what is chosen is read."""
    chosen = asked().view if asked().view in VIEWS else "table"
    st.session_state["diagnose-view"] = chosen
    st.segmented_control(
        "Probes as",
        list(VIEWS),
        format_func=VIEWS.get,
        key="diagnose-view",
        on_change=_view,
        label_visibility="collapsed",
        required=True,
    )
    return str(chosen)


def show_matrix(run_name: str, dataset_id: str, point: Point) -> None:
    """The matrix, with the pinned probe marked."""
    table = probe_table(point.id)
    found, pinned = blocks(point.id, dataset_id), pinned_row(table)
    st.plotly_chart(
        blocks_figure(found, list(table["text"]), pinned),
        key=KEY,
        on_select=lambda: _picked(table),
        selection_mode="points",
        config=config(f"{run_name}-step-{point.step}-matrix"),
        alt=f"Heat map of influence: {counted(point.n_probes, 'probe')} by training examples, both sorted by label and "
        f"confound. {_in_words(found)}",
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(
            f"{plain(_in_words(found))} Violet speaks for the probe's label, teal against it. {_reduced(found, point)}",
            help=help_for("cell"),
            width="stretch",
        )
        download_csv(cells_table(found), f"{run_name}-step-{point.step}-cells-by-cells.csv", key="diagnose-matrix-csv")


def _reduced(found: Blocks, point: Point) -> str:
    """How the picture was made from the matrix."""
    rows, columns = found.values.shape
    if columns == point.n_train and rows == point.n_probes:
        return "Every influence is drawn; a probe's with itself is left out."
    return (
        f"Each block is a mean: {point.n_train:,} training examples in {columns} columns"
        + (f", {point.n_probes:,} probes in {rows} rows" if rows < point.n_probes else "")
        + ". Small cells are drawn wider than they are; a probe's influence with itself is left out."
    )


def _in_words(found: Blocks) -> str:
    """The probe cell that differs most between training examples of its own confound and others of its label."""
    best: tuple[float, str] | None = None
    for j, row in enumerate(found.rows):
        for k, column in enumerate(found.columns):
            if column.label != row.label or column.confound == row.confound:
                continue
            own = next((place for place, one in enumerate(found.columns) if one.name == row.name), None)
            if own is None:
                continue
            difference = float(found.of_cells[j, own] - found.of_cells[j, k])
            if difference == difference and (best is None or abs(difference) > abs(best[0])):
                best = (
                    difference,
                    f"Probes of {row.name} hear {signed(float(found.of_cells[j, own]))} from their own cell and "
                    f"{signed(float(found.of_cells[j, k]))} from {column.name}.",
                )
    return best[1] if best else ""


def _view() -> None:
    chosen = st.session_state["diagnose-view"]
    go_to(view=None if chosen == "table" else chosen)


def _picked(table: pd.DataFrame) -> None:
    for point in st.session_state[KEY]["selection"]["points"]:
        place = point.get("customdata")
        place = place[0] if isinstance(place, list) and place else place
        if isinstance(place, int | float) and 0 <= place < len(table):
            go_to(probe=str(table["id"].iloc[int(place)]), bin=None, area=None)
            return
