"""The tuning rounds of a run: what each did to J, to the difference that J squares and to CID."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.store import queries
from core.store.engine import Store
from core.store.tables import Round
from core.views.charts import config
from core.views.formats import NOTHING, counted, duration, signed
from core.views.round_curves import RoundCurve, round_curves
from core.views.texts import help_for
from pages.parts.tables import download_csv

MOST_POINTS = 600
_PAIRS = {
    "J, first → last epoch": ("J, first epoch", "J, last epoch", "tuning_loss"),
    "Difference, first → last epoch": ("Difference, first epoch", "Difference, last epoch", "difference"),
    "CID, before → after": ("CID before", "CID after", "cid"),
}


def show_rounds(store: Store, run_id: str) -> None:
    """The section "Tuning rounds"; nothing where there is none. Reads all it shows, so that it can be run on its own."""
    rounds = queries.rounds(store, [run_id])
    metrics = queries.metrics(store, run_id, ["round_loss", "round_cid"])
    curves = round_points(rounds, metrics)
    if not curves:
        return
    st.subheader("Tuning rounds", anchor=False, help=help_for("round"))
    st.markdown(in_words(rounds, going_on=len(curves) > len(rounds)))
    st.plotly_chart(round_curves(curves), key=f"rounds-{run_id}", config=config(f"{run_id}-rounds"), alt=_alt(curves))
    if rounds:
        table = rounds_table(rounds)
        st.dataframe(
            _shown(table),
            hide_index=True,
            height=min(38 + 35 * len(table), 420),
            column_config={
                "Round": st.column_config.NumberColumn(width="small", help=help_for("round")),
                "After step": st.column_config.NumberColumn(help="The label step that it followed.", width="small"),
                **{name: st.column_config.TextColumn(help=help_for(term)) for name, (_, _, term) in _PAIRS.items()},
            },
            alt="Tuning rounds: the label step each followed, J, difference and CID before and after it, and its time",
        )
        download_csv(table, f"{run_id}-rounds.csv", key=f"rounds-csv-{run_id}")


def rounds_table(rounds: Sequence[Round]) -> pd.DataFrame:
    """One line a round, numbers as they were measured; missing where no CID was measured or it was undefined."""
    lines = []
    for one in rounds:
        report = one.report
        cid = report["cid"] or [None]
        lines.append(
            {
                "Round": one.number,
                "After step": one.step,
                "J, first epoch": report["loss"][0],
                "J, last epoch": report["loss"][-1],
                "Difference, first epoch": report["difference"][0],
                "Difference, last epoch": report["difference"][-1],
                "CID before": cid[0],
                "CID after": cid[-1],
                "Seconds": round(report["seconds"], 1),
            }
        )
    return pd.DataFrame(lines)


def in_words(rounds: Sequence[Round], *, going_on: bool) -> str:
    """What the last round did (Markdown)."""
    if not rounds:
        return "The first round goes on."
    last = rounds[-1]
    loss, cid = last.report["loss"], [one for one in last.report["cid"] if one is not None]
    told = f"{counted(len(rounds), 'round')} done" + (", one goes on. " if going_on else ". ")
    told += "The last one came " if len(rounds) > 1 else "It came "
    told += f"after label step {last.step}" if last.step else "before any label step"
    told += f" and took J from {loss[0]:.3g} to {loss[-1]:.3g}"
    return told + (f" and CID from {signed(cid[0], 3)} to **{signed(cid[-1], 3)}**." if len(cid) > 1 else ".")


def round_points(rounds: Sequence[Round], metrics: pd.DataFrame) -> list[RoundCurve]:
    """What is drawn of each round, the one that goes on last: J of its tuning steps, thinned to what a screen can show.

    CID before a round and after the one before it have the same tuning step, so finished rounds are read from their
    reports, and the metric of that step counts for the round that goes on.
    """
    loss = metrics.loc[metrics["name"] == "round_loss", ["step", "value"]]
    every = max(1, -(-len(loss) // MOST_POINTS))

    def between(first: int, last: float) -> tuple[tuple[int, float], ...]:
        inside = loss[loss["step"].between(first, last)]
        kept = inside.iloc[sorted({*range(0, len(inside), every), *([len(inside) - 1] if len(inside) else [])})]
        return tuple(zip(kept["step"].tolist(), kept["value"].tolist(), strict=True))

    curves = []
    for one in rounds:
        epoch = (one.last - one.first + 1) // max(len(one.report["loss"]), 1)
        places = [one.first - 0.5, *range(one.first - 1 + epoch, one.last + 1, epoch)]
        cid = tuple((x, y) for x, y in zip(places, one.report["cid"], strict=False) if y is not None)
        curves.append(RoundCurve(one.first, one.step, between(one.first, one.last), cid))
    done = rounds[-1].last if rounds else 0
    begun = between(done + 1, float("inf"))
    if begun:
        cids = metrics[(metrics["name"] == "round_cid") & (metrics["step"] >= done)]
        at = tuple((max(step, done + 0.5), y) for step, y in zip(cids["step"], cids["value"], strict=True))
        curves.append(RoundCurve(done + 1, None, begun, at))
    return curves


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    pairs = {
        name: [_arrow(a, b) for a, b in zip(table[first], table[last], strict=True)]
        for name, (first, last, _) in _PAIRS.items()
        if table[last].notna().any()
    }
    took = [duration(seconds) for seconds in table["Seconds"]]
    return table[["Round", "After step"]].assign(**pairs, Took=took)


def _arrow(first: float | None, last: float | None) -> str:
    return f"{_number(first)} → {_number(last)}"


def _number(value: float | None) -> str:
    return NOTHING if value is None or pd.isna(value) else f"{value:.3g}".replace("-", "−")


def _alt(curves: Sequence[RoundCurve]) -> str:
    """The figure in words."""
    parts = (("J", [y for one in curves for _, y in one.loss]), ("CID", [y for one in curves for _, y in one.cid]))
    told = [f"{name} from {_number(values[0])} to {_number(values[-1])}" for name, values in parts if values]
    return f"{' and '.join(told)} over the tuning steps of {counted(len(curves), 'round')}"
