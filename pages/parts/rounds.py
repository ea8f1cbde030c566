"""The tuning rounds of a run: what each did to J, to the difference that J squares and to CID."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.formats import NOTHING, counted, duration, signed
from core.store import queries
from core.store.engine import Store
from core.store.tables import Round
from core.views.round_curves import RoundCurve, round_curves
from core.views.rounds import round_points, rounds_table
from core.views.texts import help_for
from pages.parts.saving import config
from pages.parts.tables import download_csv

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
