"""What a run reached: in a sentence, and cell by cell with intervals."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.formats import count, percent, plain, signed
from core.store.engine import Store
from core.store.tables import Run
from core.views.cells import cells_figure, cells_table, final_evaluations
from core.views.texts import help_for
from pages.parts.saving import config
from pages.parts.tables import download_csv


def in_words(split: str, report: Mapping[str, Any]) -> str:
    """The headline (Markdown): accuracy, floor and worst cell."""
    sentence = (
        f"On {plain(split.removeprefix('file:'))} the model is right on **{percent(report['accuracy'])}**; the confound alone "
        f"would reach {percent(report['confound_only_floor'])}."
    )
    worst = report.get("worst_cell")
    if worst is not None:
        name = plain(str(report["worst_cell_name"]))
        sentence += f" It is worst on **{name}**, with **{percent(worst)}**."
    return sentence


def show_results(store: Store, run: Run) -> None:
    """The last evaluation of a chosen split."""
    found = final_evaluations(store, run)
    if not found:
        return
    done = run.status == "done"
    st.subheader("What it reached" if done else "How far it has come", anchor=False)
    split = st.segmented_control(
        "Split",
        list(found),
        default=next(iter(found)),
        required=True,
        key=f"result-split-{run.id}",
        format_func=lambda one: plain(one.removeprefix("file:")),
        label_visibility="collapsed",
    )
    report = found[split].report
    st.markdown(("" if done else f"After {count(found[split].step)} steps: ") + in_words(split, report))
    _headline(report)
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.plotly_chart(
            cells_figure(report),
            key=f"cells-{run.id}-{split}",
            config=config(f"{run.name}-cells-{split.removeprefix('file:')}"),
            alt="Accuracy of each cell with its 95 % interval, and the confound-only floor: "
            + "; ".join(f"{c['label']} × {c['confound']} {percent(c['accuracy'])}" for c in report["cells"][:20]),
        )
    with right:
        table = cells_table(report)
        heads = {"Confound": "confound", "Accuracy": "accuracy", "95 % interval": "wilson", "ECE": "ece"}
        st.dataframe(
            table,
            hide_index=True,
            alt="Accuracy by cell with n and Wilson intervals",
            height="content",
            column_config={name: st.column_config.TextColumn(help=help_for(term)) for name, term in heads.items()},
        )
        download_csv(table, f"{run.id}-cells.csv", key=f"cells-csv-{run.id}-{split}")


def _headline(report: Mapping[str, Any]) -> None:
    numbers = (
        ("Accuracy", report["accuracy"], "accuracy"),
        ("Balanced accuracy", report.get("balanced_accuracy"), "balanced_accuracy"),
        ("Worst cell", report.get("worst_cell"), "worst_cell"),
        ("Confound alone", report["confound_only_floor"], "floor"),
    )
    gap = report.get("gap")
    with st.container(horizontal=True, gap="large"):
        for title, value, term in numbers:
            st.metric(title, percent(value), help=help_for(term), width="content")
        st.metric("Gap", "–" if gap is None else f"{signed(100 * gap, 1)} pts", help=help_for("gap"), width="content")
