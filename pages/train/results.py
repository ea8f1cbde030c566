"""What a run reached: in a sentence, and cell by cell with intervals."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.store import queries
from core.store.engine import Store
from core.store.tables import Evaluation, Run
from core.views.charts import unmarked
from core.views.colours import NULL, TRAIN, WORST
from core.views.formats import count, percent, percent_interval, plain, signed
from core.views.texts import help_for
from pages.parts.tables import download_csv

FIRST = ("dev", "test", "train")


def final_evaluations(store: Store, run: Run) -> dict[str, Evaluation]:
    """The run's last evaluation of each split; dev first, evaluated files last."""
    last = {one.split: one for one in queries.evaluations(store, run.id)}  # by step, so the later one stays
    order = {split: place for place, split in enumerate(FIRST)}
    return dict(sorted(last.items(), key=lambda item: (order.get(item[0], len(FIRST)), item[0])))


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
            config={"displayModeBar": False},
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


def cells_table(report: Mapping[str, Any]) -> pd.DataFrame:
    """One line a cell: label, confound, n, accuracy, interval, calibration error."""
    return pd.DataFrame(
        [
            {
                "Label": cell["label"],
                "Confound": cell["confound"],
                "n": count(cell["n"]),
                "Accuracy": percent(cell["accuracy"]),
                "95 % interval": percent_interval(cell["lo"], cell["hi"]),
                "ECE": "–" if cell.get("ece") is None else f"{cell['ece']:.2f}",
            }
            for cell in report["cells"]
        ]
    )


def cells_figure(report: Mapping[str, Any]) -> go.Figure:
    """A point and a Wilson interval for each cell, beside the floor."""
    cells = sorted(report["cells"], key=lambda cell: -cell["accuracy"])
    names = [unmarked(f"{cell['label']} × {cell['confound']}"[:48]) for cell in cells]
    worst = report.get("worst_cell_name")
    figure = go.Figure()
    figure.add_scatter(
        x=[cell["accuracy"] for cell in cells],
        y=names,
        mode="markers",
        marker={
            "size": 11,
            "color": [WORST if f"{c['label']} × {c['confound']}" == worst else TRAIN for c in cells],
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [cell["hi"] - cell["accuracy"] for cell in cells],
            "arrayminus": [cell["accuracy"] - cell["lo"] for cell in cells],
            "thickness": 1.5,
            "color": NULL,
        },
        customdata=[[cell["n"], cell["lo"], cell["hi"]] for cell in cells],
        hovertemplate="%{y}: %{x:.1%} (%{customdata[1]:.1%} to %{customdata[2]:.1%}), n = %{customdata[0]}<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(
        x=report["confound_only_floor"],
        line={"color": NULL, "dash": "dash", "width": 1.5},
        annotation={"text": "confound alone", "font": {"color": NULL}},
        annotation_position="top",
    )
    figure.update_layout(
        height=max(200, 70 + 38 * len(cells)),
        margin={"l": 0, "r": 12, "t": 24, "b": 0},
        xaxis={"title": "Accuracy", "tickformat": ".0%", "range": [0, 1.02]},
        yaxis={"automargin": True, "type": "category"},
    )
    return figure
