"""The table of probes: filter it, sort it, pick one."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

import pandas as pd
import streamlit as st

from core.formats import counted, shortened
from core.views.diagnoses import Point
from core.views.texts import help_for
from pages.diagnose.link import asked
from pages.parts.address import go_to
from pages.parts.diagnosis_data import probe_table
from pages.parts.tables import chosen_rows, download_csv

EVERY_CELL = "All cells"
HEIGHT = 320


def pinned_probe(point: Point) -> pd.Series | None:
    """The probe that the address names, or the one with the largest CID in size; nothing where there are none."""
    table = probe_table(point.id)
    return None if table.empty else table.loc[pinned_row(table)]


def show_probes(run_name: str, point: Point) -> None:
    """The filters and the table; a probe that the filter hides stays pinned."""
    table = probe_table(point.id)
    shown = _filtered(table)
    _draw(table, shown, pinned_row(table), point)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(
            f"{counted(len(shown), 'probe')}" + (f" of {len(table):,}" if len(shown) < len(table) else ""),
            width="content",
        )
        download_csv(for_csv(table), f"{run_name}-step-{point.step}-probes.csv", key="diagnose-probes-csv")


def pinned_row(table: pd.DataFrame) -> int:
    """The row of the probe that the address names, or of the one with the largest CID in size."""
    named = table.index[table["id"] == asked().probe]
    if len(named):
        return int(named[0])
    size = pd.to_numeric(table["cid"], errors="coerce").abs()
    return int(size.idxmax()) if size.notna().any() else 0


def _filtered(table: pd.DataFrame) -> pd.DataFrame:
    link = asked()
    cells = sorted(set(_cell_names(table)))
    names = [EVERY_CELL, *cells]
    st.session_state["diagnose-find"] = link.find
    st.session_state["diagnose-cell"] = link.cell if link.cell in cells else EVERY_CELL
    left, right = st.columns([3, 2])
    left.text_input(
        "Find in text",
        key="diagnose-find",
        on_change=lambda: go_to(find=st.session_state["diagnose-find"]),
        icon=":material/search:",
        placeholder="Part of a probe's text",
        max_chars=200,
    )
    right.selectbox("Label × confound", names, key="diagnose-cell", on_change=_cell, help=help_for("cell"))
    keep = pd.Series(True, index=table.index)
    if link.find:
        keep &= table["text"].fillna("").astype(str).str.contains(link.find, case=False, regex=False)
    if link.cell in cells:
        keep &= pd.Series(_cell_names(table), index=table.index) == link.cell
    return table[keep].sort_values("cid", ascending=False, kind="stable", na_position="last")


def _cell() -> None:
    chosen = st.session_state["diagnose-cell"]
    go_to(cell=None if chosen == EVERY_CELL else chosen)


def _cell_names(table: pd.DataFrame) -> list[str]:
    return [f"{label} × {confound}" for label, confound in zip(table["label"], table["confound"], strict=True)]


def _draw(table: pd.DataFrame, shown: pd.DataFrame, pinned: int, point: Point) -> None:
    ids = list(shown["id"])
    at = list(shown.index).index(pinned) if pinned in shown.index else None
    # Selections are positions: the key changes with what is at which position, and the callback maps them to ids.
    # One is always pinned; but where the filter hides it, none of these is.
    mode: Literal["single-row", "single-row-required"] = "single-row" if at is None else "single-row-required"
    name = f"diagnose-probes-{sha256(' '.join([mode, point.id, *ids]).encode()).hexdigest()[:12]}"
    key, default = chosen_rows(name, [] if at is None else [at])
    second = ["text_b"] if shown["text_b"].notna().any() else []
    st.dataframe(
        for_screen(shown[["text", *second, "label", "confound", "cid", "hedges_g", "q", "n_a", "n_b"]]),
        key=key,
        height=HEIGHT if len(shown) > 7 else "auto",
        hide_index=True,
        on_select=lambda: _picked(key, ids),
        selection_mode=mode,
        selection_default=default,
        column_config=_columns(table),
        placeholder="–",
        alt="The probes: text, label, confound, CID, effect, q and the sizes of both groups. Pick a row to see its histograms.",
    )


def _picked(key: str, ids: Sequence[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(ids):
        go_to(probe=ids[rows[0]], bin=None, area=None)


def _columns(table: pd.DataFrame) -> dict[str, object]:
    number = st.column_config.NumberColumn
    return {
        "text": st.column_config.TextColumn("Text", width=280, help=help_for("probe")),
        "text_b": st.column_config.TextColumn("Second text", width="medium"),
        "label": st.column_config.TextColumn("Label", width="small"),
        "confound": st.column_config.TextColumn("Confound", width="small", help=help_for("confound")),
        "cid": number("CID", format="%.3f", width="small", help=help_for("cid")),
        "hedges_g": number("Effect", format="%.2f", width="small", help=help_for("effect")),
        "q": number(
            "q",
            format="%.3f",
            width="small",
            help=f"{help_for('q')} Over {len(table):,} probes; 0.000 is below 0.0005.",
        ),
        "n_a": number(
            "n same", format="localized", width="small", help="Training examples with the probe's label and confound"
        ),
        "n_b": number("n diff.", format="localized", width="small", help=help_for("counterexample")),
    }


def for_screen(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with texts cut to what a cell can show; the CSV has them whole."""
    return frame.assign(
        **{name: [shortened(text) for text in frame[name]] for name in ("text", "text_b") if name in frame}
    )


def for_csv(table: pd.DataFrame) -> pd.DataFrame:
    """Every probe with every figure, texts whole."""
    first = ["id", "text", "text_b", "label", "confound", "cid", "q", "hedges_g", "cliffs_delta", "welch_t", "welch_p"]
    first = [name for name in first if name in table]
    rest = [name for name in table.columns if name not in (*first, "effect", "index")]
    return table[[*first, *rest]]
