"""What a model reached, label × confound cell by cell: the last evaluation of each split, its table and its figure."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.formats import count, percent, percent_interval
from core.store import queries
from core.store.engine import Store
from core.store.tables import Evaluation, Run
from core.views.charts import mark, room_for, unmarked
from core.views.colours import NULL, TRAIN, WORST

FIRST = ("dev", "test", "train")


def final_evaluations(store: Store, run: Run) -> dict[str, Evaluation]:
    """The run's last evaluation of each split; dev first, evaluated files last."""
    last = {one.split: one for one in queries.evaluations(store, run.id)}  # by step, so the later one stays
    order = {split: place for place, split in enumerate(FIRST)}
    return dict(sorted(last.items(), key=lambda item: (order.get(item[0], len(FIRST)), item[0])))


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
    mark(
        figure,
        report["confound_only_floor"],
        {"color": NULL, "dash": "dash", "width": 1.5},
        text="confound alone",
        font={"color": NULL},
    )
    figure.update_layout(
        height=max(200, 70 + 38 * len(cells)),
        margin={"l": room_for(names), "r": 20, "t": 24, "b": 68},
        xaxis={"title": "Accuracy", "tickformat": ".0%", "range": [0, 1.02]},
        yaxis={"automargin": True, "type": "category"},
    )
    return figure
