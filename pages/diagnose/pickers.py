"""The choice of run, checkpoint and diagnosis at the top of the page."""

from collections.abc import Sequence

import streamlit as st

from core.formats import age, counted, signed
from core.training.diagnosis_config import ESTIMATORS
from core.views.diagnoses import Point, RunChoice
from core.views.texts import STATUS, help_for
from pages.diagnose.choice import Choice
from pages.diagnose.link import RUN_LEVEL
from pages.parts.address import go_to

SOURCES = {"train": "from the training set", "dev": "held out", "first": "the first rows, as in the paper"}


def pick(runs: Sequence[RunChoice], choice: Choice) -> None:
    """Draw the pickers; each writes its choice into the address."""
    by_id = {one.id: one for one in runs}
    st.session_state["diagnose-run"] = choice.run.id
    left, right = st.columns([3, 2])
    left.selectbox(
        "Run", list(by_id), format_func=lambda key: _run_line(by_id[key]), key="diagnose-run", on_change=_run
    )
    if not choice.steps:
        return
    st.session_state["diagnose-step"] = choice.step
    lines = {step: _step_line(choice, step) for step in choice.steps}
    right.selectbox(
        "Checkpoint",
        list(lines),
        format_func=lambda step: lines[step],
        key="diagnose-step",
        on_change=_step,
        help=help_for("checkpoint"),
    )
    here = [one for one in choice.points if one.step == choice.step]
    if choice.point is not None and len(here) > 1:
        st.session_state["diagnose-which"] = choice.point.id
        known = {one.id: _measured(one) for one in reversed(here)}
        st.selectbox(
            "Diagnosis", list(known), format_func=lambda key: known[key], key="diagnose-which", on_change=_diagnosis
        )


def _run() -> None:
    go_to(run=st.session_state["diagnose-run"], **dict.fromkeys(RUN_LEVEL))


def _step() -> None:
    go_to(step=st.session_state["diagnose-step"], diagnosis=None, bin=None, area=None)


def _diagnosis() -> None:
    go_to(diagnosis=st.session_state["diagnose-which"], bin=None, area=None)


def _run_line(run: RunChoice) -> str:
    parts = [run.name, f"on {run.dataset}"]
    if run.demo:
        parts.append("demo")
    if run.status != "done":
        parts.append(STATUS.get(run.status, run.status))
    parts.append(counted(run.diagnoses, "diagnosis", "diagnoses") if run.diagnoses else "not diagnosed")
    return " · ".join(parts)


def _step_line(choice: Choice, step: int) -> str:
    final = any(one.step == step and one.final for one in choice.checkpoints)
    newest = max((one for one in choice.points if one.step == step), key=lambda one: one.created_at, default=None)
    found = "not diagnosed yet" if newest is None else f"CID {signed(newest.cid)}"
    return " · ".join([f"step {step:,}", *(["final"] if final else []), found])


def _measured(point: Point) -> str:
    source = SOURCES.get(str(point.config.get("probe_source", "train")), "")
    estimator = ESTIMATORS.get(point.estimator, point.estimator)
    return f"{estimator} · {counted(point.n_probes, 'probe')} {source} · {age(point.created_at)}"
