"""Probes × training examples as a picture: means of blocks, sorted by cell, never the whole matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from core.formats import count, counted, shortened, signed
from core.views.charts import UNTOUCHED, layout, room_for, unmarked
from core.views.colours import DIVERGING, NULL

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

MOST_ROWS, MOST_COLUMNS = 60, 300
_LEAST_OF_A_CELL = 12
_LABELLED = 0.04
"""Part of the width or height that a cell needs to be named at the axis; the hover names every one."""


@dataclass(frozen=True)
class Span:
    """A cell's place along an axis: blocks `first` … `last`, and how many examples they stand for."""

    label: str
    confound: str
    first: int
    last: int
    size: int

    @property
    def name(self) -> str:
        """How the cell is written."""
        return f"{self.label} × {self.confound}"


@dataclass(frozen=True)
class Blocks:
    """Means of influence [R, C] (NaN for a block of nothing but a self-pair), with the cells along both axes.

    probes: the probes of each row, by their place in the table of probes; sizes: training examples of each column [C];
    cells: mean of each probe row over each training cell [R, K]; of_cells: mean of each probe cell over each [J, K].
    """

    values: Floats
    probes: tuple[tuple[int, ...], ...]
    sizes: Rows
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    cells: Floats
    of_cells: Floats


def block_means(scores: npt.NDArray[np.floating], probe_row: Rows, train: pd.DataFrame, probes: pd.DataFrame) -> Blocks:
    """Reduce influence [N, P] to at most 60 rows of probes × 300 columns of training examples.

    Rows are sorted by the probes' cell, columns by the training examples' cell; inside a cell both keep their order. Columns are
    shared out by the cells' sizes, but a cell of twelve or more gets at least twelve, so that counterexamples can be seen.
    Self-pairs are left out of every mean.
    """
    row_parts, rows = _shared_out(probes["label"], probes["confound"], MOST_ROWS, 1)
    column_parts, columns = _shared_out(train["label"], train["confound"], MOST_COLUMNS, _LEAST_OF_A_CELL)
    order, starts = np.concatenate(column_parts), _starts(column_parts)
    sums = np.add.reduceat(scores[order], starts, axis=0, dtype=np.float64)  # [C, P]
    sizes = np.diff([*starts, len(order)])
    counts = np.repeat(sizes[:, None], scores.shape[1], axis=1)  # [C, P]
    column_of = np.empty(len(order), dtype=np.int64)
    column_of[order] = np.repeat(np.arange(len(sizes)), sizes)
    own = np.flatnonzero(probe_row >= 0)
    np.subtract.at(sums, (column_of[probe_row[own]], own), scores[probe_row[own], own].astype(np.float64))
    np.subtract.at(counts, (column_of[probe_row[own]], own), 1)
    by_row, n_by_row = (
        np.add.reduceat(each.T[np.concatenate(row_parts)], _starts(row_parts), axis=0) for each in (sums, counts)
    )  # [R, C]
    across = [span.first for span in columns]
    by_cell, n_by_cell = (np.add.reduceat(each, across, axis=1) for each in (by_row, n_by_row))  # [R, K]
    down = [span.first for span in rows]
    return Blocks(
        values=_mean(by_row, n_by_row),
        probes=tuple(tuple(int(place) for place in part) for part in row_parts),
        sizes=sizes,
        rows=rows,
        columns=columns,
        cells=_mean(by_cell, n_by_cell),
        of_cells=_mean(np.add.reduceat(by_cell, down, axis=0), np.add.reduceat(n_by_cell, down, axis=0)),
    )


def _mean(sums: Floats, counts: Rows) -> Floats:
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _starts(parts: Sequence[Rows]) -> Rows:
    return np.cumsum([0, *(len(part) for part in parts[:-1])])


def _shared_out(
    label: "pd.Series[str]", confound: "pd.Series[str]", most: int, least: int
) -> tuple[list[Rows], tuple[Span, ...]]:
    """Places along an axis in blocks, cell by cell, and where each cell lies."""
    number = pd.DataFrame({"label": label.astype(str), "confound": confound.astype(str)})
    members = {name: np.asarray(places) for name, places in number.groupby(["label", "confound"]).indices.items()}
    names = sorted(members)
    wanted = _blocks_of([len(members[name]) for name in names], most, least)
    parts: list[Rows] = []
    spans = []
    for name, n in zip(names, wanted, strict=True):
        spans.append(Span(name[0], name[1], len(parts), len(parts) + n - 1, len(members[name])))
        parts.extend(np.array_split(np.sort(members[name]), n))
    return parts, tuple(spans)


def _blocks_of(sizes: Sequence[int], most: int, least: int) -> list[int]:
    """How many blocks each cell gets: all examples if they fit, else by size with a minimum for the small ones."""
    if sum(sizes) <= most:
        return list(sizes)
    floor = max(1, min(least, most // len(sizes)))
    given = [min(size, floor) for size in sizes]
    left = max(most - sum(given), 0)
    room = [size - one for size, one in zip(sizes, given, strict=True)]
    return [one + left * more // max(sum(room), 1) for one, more in zip(given, room, strict=True)]


def blocks_figure(found: Blocks, texts: Sequence[str | None], pinned: int | None = None) -> go.Figure:
    """The heat map: rows are probes, columns training examples, both by cell; violet speaks for the decision, teal against.

    texts: the probes' texts, for the hover. pinned: the probe whose row is framed.
    The last trace is unseen: a bar over each row and training cell, that answers to the mouse. Its `customdata` is the
    first probe of the row.
    """
    top = float(np.nanquantile(np.abs(found.values), 0.99)) if np.isfinite(found.values).any() else 1.0
    n_rows, n_columns = found.values.shape
    figure = go.Figure(
        go.Heatmap(
            z=found.values.astype(np.float32),
            x0=0.5,
            dx=1,
            y0=0,
            dy=1,
            colorscale=DIVERGING,
            zmin=-(top or 1.0),
            zmax=top or 1.0,
            hoverinfo="skip",
            colorbar={"thickness": 10, "title": {"text": "influence", "side": "right"}, "outlinewidth": 0},
        )
    )
    figure.add_trace(_answering(found, texts))
    line = {"color": NULL, "width": 1}
    for span in found.columns[1:]:
        figure.add_shape(type="line", x0=span.first, x1=span.first, y0=-0.5, y1=n_rows - 0.5, line=line)
    for span in found.rows[1:]:
        figure.add_shape(type="line", x0=0, x1=n_columns, y0=span.first - 0.5, y1=span.first - 0.5, line=line)
    row = next((place for place, part in enumerate(found.probes) if pinned in part), None)
    if row is not None:
        figure.add_shape(
            type="rect", x0=0, x1=n_columns, y0=row - 0.5, y1=row + 0.5, line={"color": NULL, "width": 2.5}
        )
    figure.update_layout(
        **layout(
            max(320, min(620, 12 * n_rows + 120)),
            top=20,
            left=24 + room_for(_short(span.name) for span in found.rows),
            right=90,
            bottom=74,
        ),
        clickmode="event+select",
        dragmode=False,
        hovermode="closest",
    )
    figure.update_layout(bargap=0, barmode="overlay")
    figure.update_xaxes(
        title="Training examples, by label × confound",
        range=[0, n_columns],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        **_ticks(found.columns, n_columns, 0.5),
    )
    figure.update_yaxes(
        title="Probes",
        range=[n_rows - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        **_ticks(found.rows, n_rows, 0.0),
    )
    return figure


def _ticks(spans: Sequence[Span], whole: int, shift: float) -> dict[str, object]:
    named = [span for span in spans if span.last - span.first + 1 >= whole * _LABELLED]
    return {
        "tickvals": [(span.first + span.last) / 2 + shift for span in named],
        "ticktext": [_short(span.name) for span in named],
    }


def _short(name: str) -> str:
    return unmarked(name if len(name) <= 26 else f"{name[:25]}…")


def _answering(found: Blocks, texts: Sequence[str | None]) -> go.Bar:
    base, x, y, probe, text = [], [], [], [], []
    row_cells = [place for place, span in enumerate(found.rows) for _ in range(span.first, span.last + 1)]
    for row, part in enumerate(found.probes):
        of = found.rows[row_cells[row]]
        who = unmarked(shortened(texts[part[0]], 60) or "") if len(part) == 1 else counted(len(part), "probe")
        for place, span in enumerate(found.columns):
            base.append(span.first)
            x.append(span.last - span.first + 1)
            y.append(row)
            probe.append(part[0])
            text.append(
                f"{who}<br>on {count(span.size)} of <b>{_short(span.name)}</b>: {_mean_text(found.cells[row, place])}<br>"
                f"all probes of {_short(of.name)} on them: {_mean_text(found.of_cells[row_cells[row], place])}<br>"
                + ("<i>click to pin the probe</i>" if len(part) == 1 else "<i>click to pin the first of them</i>")
            )
    return go.Bar(
        orientation="h",
        base=base,
        x=x,
        y=y,
        width=1,
        customdata=probe,
        text=text,
        textposition="none",
        marker={"color": "rgba(0, 0, 0, 0)", "line": {"width": 0}},
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
        selected=UNTOUCHED,
        unselected=UNTOUCHED,
    )


def _mean_text(value: float) -> str:
    return signed(None if np.isnan(value) else float(value), 3)


def cells_table(found: Blocks) -> pd.DataFrame:
    """Mean influence of every training cell on every probe cell."""
    return pd.DataFrame(
        [
            {
                "probes": row.name,
                "training": column.name,
                "n_probes": row.size,
                "n_training": column.size,
                "mean_influence": None if np.isnan(found.of_cells[j, k]) else found.of_cells[j, k],
            }
            for j, row in enumerate(found.rows)
            for k, column in enumerate(found.columns)
        ]
    )
