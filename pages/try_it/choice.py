"""Which run and checkpoint are meant, what could not be found, and the pickers of both."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Run
from core.views.diagnoses import RunChoice
from core.views.texts import STATUS, help_for
from pages.parts.address import go_to


@dataclass(frozen=True)
class Choice:
    """What the page is about. `checkpoint` is None where the run has none yet."""

    run: Run
    checkpoints: Sequence[Checkpoint]
    checkpoint: Checkpoint | None
    notice: str | None


def choose(store: Store, runs: Sequence[RunChoice], run: str | None, step: str | None) -> Choice:
    """What the address means; where it names something that is not there, the nearest thing and a notice.

    `runs` is not empty. Without a run in the address: the newest that has finished here, or the newest. Without a step:
    the last checkpoint whose weights are kept, or the last.
    """
    named = next((one for one in runs if run in (one.id, one.name)), None)
    notice = None
    if run is not None and named is None:
        notice = "The run that this link names is not in the store. Choose another below."
    usual = next((one for one in runs if one.status == "done" and not one.demo), runs[0])
    found = queries.get_run(store, (named or usual).id)
    there = queries.checkpoints(store, found.id)
    kept = [one for one in there if one.path is not None]
    last = next(reversed(kept or there), None)
    if step in (None, "final") or notice:
        return Choice(found, there, last, notice)
    wanted = next((one for one in there if str(one.step) == step), None)
    if wanted is None and last is not None:
        notice = "The run has no checkpoint at the step that this link names. This is its last."
    return Choice(found, there, wanted or last, notice)


def pick(runs: Sequence[RunChoice], choice: Choice) -> None:
    """Draw the pickers; each writes its choice into the address."""
    by_id = {one.id: one for one in runs}
    st.session_state["try-run"] = choice.run.id
    left, right = st.columns([3, 2])
    left.selectbox("Run", list(by_id), format_func=lambda key: _run_line(by_id[key]), key="try-run", on_change=_run)
    if choice.checkpoint is None:
        return
    st.session_state["try-step"] = choice.checkpoint.step
    lines = {one.step: _step_line(one) for one in choice.checkpoints}
    right.selectbox(
        "Checkpoint",
        list(lines),
        format_func=lambda step: lines[step],
        key="try-step",
        on_change=lambda: go_to(step=st.session_state["try-step"]),
        help=help_for("checkpoint"),
    )


def _run() -> None:
    go_to(run=st.session_state["try-run"], step=None, job=None)


def _run_line(run: RunChoice) -> str:
    parts = [run.name, f"on {run.dataset}"]
    if run.demo:
        parts.append("demo, no weights")
    if run.status != "done":
        parts.append(STATUS.get(run.status, run.status))
    return " · ".join(parts)


def _step_line(one: Checkpoint) -> str:
    return (
        f"step {one.step:,}" + (" · final" if one.final else "") + (" · weights not kept" if one.path is None else "")
    )
