"""Accuracy of each label × confound cell, before and after."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.formats import count, signed
from core.views.charts import mark, room_for, unmarked
from core.views.colours import DEV, NULL, TEST, TRAIN
from core.views.texts import help_for
from pages.parts.address import go_to
from pages.parts.saving import config
from pages.parts.tables import download_csv
from pages.tune.pair import Pair

COLOURS = {"train": TRAIN, "dev": DEV, "test": TEST}
Report = Mapping[str, Any]


def show_cells(pair: Pair) -> None:
    """The figure on the left, the numbers with their intervals on the right, for a chosen split."""
    st.subheader("Each cell, before and after", anchor=False, help=help_for("cell"))
    if not pair.splits:
        st.caption(
            "No split was evaluated both at the starting point and after. Between the first step and the last only dev is "
            "evaluated: a data set with a dev split, or a round from a final model, shows what became of each cell."
        )
        return
    split = _split(pair)
    rows = cell_rows(pair.reports_before[split], pair.reports_after[split])
    words = in_words(rows)
    st.caption(words)
    left, right = st.columns(2, gap="large")
    with left:
        st.plotly_chart(
            cells_figure(rows, pair.reports_after[split]["confound_only_floor"], COLOURS[split]),
            key=f"tune-cells-{pair.run.id}-{split}",
            config=config(f"{pair.run.name}-cells-{split}"),
            alt=f"Accuracy of each cell before (open) and after (filled), beside the confound-only floor. {words}",
        )
    with right:
        st.dataframe(
            _shown(rows),
            hide_index=True,
            height="content",
            column_config={
                name: st.column_config.TextColumn(help=f"Accuracy in percent. {help_for('wilson')}")
                for name in ("Before, %", "After, %")
            },
            alt=f"Accuracy by cell, before and after. {words}",
        )
        download_csv(rows, f"{pair.run.name}-cells-{split}.csv", key=f"tune-cells-csv-{split}")


def _split(pair: Pair) -> str:
    asked = st.query_params.get("split")
    chosen = asked if asked in pair.splits else pair.splits[0]
    if len(pair.splits) == 1:
        return chosen
    st.session_state["tune-split"] = chosen
    return str(
        st.segmented_control(
            "Split",
            pair.splits,
            key="tune-split",
            on_change=lambda: go_to(split=st.session_state["tune-split"]),
            required=True,
            label_visibility="collapsed",
        )
    )


def cell_rows(before: Report, after: Report) -> pd.DataFrame:
    """One row a cell, the one that was worst first: n, accuracy and Wilson interval of both."""
    were = {(one["label"], one["confound"]): one for one in before["cells"]}
    rows = []
    for one in after["cells"]:
        was = were.get((one["label"], one["confound"]))
        if was is not None:
            sides = {"before": was, "after": one}
            rows.append(
                {key: one[key] for key in ("label", "confound", "n")}
                | {side: found["accuracy"] for side, found in sides.items()}
                | {f"{side}_low": found["lo"] for side, found in sides.items()}
                | {f"{side}_high": found["hi"] for side, found in sides.items()}
            )
    columns = [
        "label",
        "confound",
        "n",
        *(f"{side}{end}" for side in ("before", "after") for end in ("", "_low", "_high")),
    ]
    return pd.DataFrame(rows, columns=columns).sort_values("before", kind="stable", ignore_index=True)


def in_words(rows: pd.DataFrame) -> str:
    """How many cells gained and lost, counting only what is more than the intervals allow."""
    gained = int((rows["after_low"] > rows["before_high"]).sum())
    lost = int((rows["after_high"] < rows["before_low"]).sum())
    return f"Beyond their 95 % intervals {gained} of {len(rows)} cells gained and {lost} lost."


def cells_figure(rows: pd.DataFrame, floor: float, colour: str) -> go.Figure:
    """A line a cell from its accuracy before (open) to after (filled), beside the floor."""
    names = [
        unmarked(f"{label} × {confound}"[:48]) for label, confound in zip(rows["label"], rows["confound"], strict=True)
    ]
    figure = go.Figure()
    figure.add_scatter(
        x=[x for before, after in zip(rows["before"], rows["after"], strict=True) for x in (before, after, None)],
        y=[y for name in names for y in (name, name, None)],
        mode="lines",
        line={"color": colour, "width": 3},
        hoverinfo="skip",
        showlegend=False,
    )
    for name, symbol in (("before", "circle-open"), ("after", "circle")):
        figure.add_scatter(
            x=rows[name],
            y=names,
            mode="markers",
            name=name,
            cliponaxis=False,
            marker={"size": 13, "color": colour, "symbol": symbol, "line": {"width": 2.5, "color": colour}},
            customdata=rows[[f"{name}_low", f"{name}_high", "n"]],
            hovertemplate=f"{name}: %{{x:.1%}} (%{{customdata[0]:.1%}} to %{{customdata[1]:.1%}}), "
            "n = %{customdata[2]}<extra></extra>",
        )
    mark(figure, floor, {"color": NULL, "dash": "dash", "width": 1.5}, text="confound alone", font={"color": NULL})
    figure.update_layout(
        height=max(230, 120 + 42 * len(rows)),
        margin={"l": room_for(names), "r": 20, "t": 64, "b": 68},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.14, "x": 0},
        xaxis={"title": "Accuracy", "tickformat": ".0%", "range": [0, 1.02], "fixedrange": True},
        yaxis={"automargin": True, "type": "category", "autorange": "reversed", "fixedrange": True},
    )
    return figure


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    def side(name: str) -> list[str]:
        values = zip(rows[name], rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
        return [
            f"{signed(100 * value, 1)} ({signed(100 * low, 1)}–{signed(100 * high, 1)})" for value, low, high in values
        ]

    return pd.DataFrame(
        {
            "Label": rows["label"],
            "Confound": rows["confound"],
            "n": [count(int(n)) for n in rows["n"]],
            "Before, %": side("before"),
            "After, %": side("after"),
            "Change": [signed(100 * change, 1) for change in rows["after"] - rows["before"]],
        }
    )
