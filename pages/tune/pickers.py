"""The choice of run and checkpoint at the top of the page."""

from collections.abc import Sequence

import streamlit as st

from core.views.diagnoses import RunChoice
from core.views.texts import STATUS, help_for
from pages.parts.address import go_to
from pages.tune.choice import Choice

RUN_LEVEL = ("step", "probe", "split")
"""What loses its meaning when another run is chosen."""


def pick(runs: Sequence[RunChoice], choice: Choice) -> None:
    """Draw the pickers; each writes its choice into the address."""
    by_id = {one.id: one for one in runs}
    st.session_state["tune-run"] = choice.run.id
    left, right = st.columns([3, 2])
    left.selectbox("Run", list(by_id), format_func=lambda key: run_line(by_id[key]), key="tune-run", on_change=_run)
    if choice.checkpoint is None:
        return
    st.session_state["tune-step"] = choice.checkpoint.step
    final = {one.step for one in choice.checkpoints if one.final}
    right.selectbox(
        "Checkpoint to start from",
        [one.step for one in choice.checkpoints],
        format_func=lambda step: f"step {step:,}" + (" · final" if step in final else ""),
        key="tune-step",
        on_change=lambda: go_to(step=st.session_state["tune-step"]),
        help=help_for("checkpoint"),
    )


def _run() -> None:
    go_to(run=st.session_state["tune-run"], **dict.fromkeys(RUN_LEVEL))


def run_line(run: RunChoice) -> str:
    """A run in the picker: its name, its data, and what stands in the way, if anything does."""
    parts = [run.name, f"on {run.dataset}"]
    if run.demo:
        parts.append("demo, no weights")
    if run.status != "done":
        parts.append(STATUS.get(run.status, run.status))
    return " · ".join(parts)
