"""The verdict in words, and the figures that it rests on."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.formats import (
    NOTHING,
    age,
    counted,
    duration,
    interval,
    percent,
    plain,
    signed,
)
from core.store.tables import Diagnosis
from core.training.diagnosis_config import ESTIMATORS
from core.views.diagnoses import Point
from core.views.texts import help_for
from pages.diagnose.pickers import SOURCES

HEADLINES = {
    "confounded": ("Confounded", "orange", ":material/warning:"),
    "not_confounded": ("Not confounded", "green", ":material/check_circle:"),
    "unclear": ("Unclear", "gray", ":material/help:"),
    "withheld": ("Verdict withheld", "gray", ":material/hourglass_empty:"),
    "undefined": ("Undefined", "gray", ":material/block:"),
}


def show_verdict(diagnosis: Diagnosis, *, demo: bool, late_control: bool) -> None:
    """One sentence that a person can act on, and how it was found. `late_control`: one is there that it does not know."""
    title, colour, icon = HEADLINES.get(diagnosis.verdict, HEADLINES["undefined"])
    with st.container(border=True, key="diagnose-verdict"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(title, color=colour, icon=icon, help=help_for("verdict"))
            if demo:
                st.badge("Precomputed demo", color="gray", icon=":material/inventory_2:")
        st.subheader(plain(diagnosis.sentence), anchor=False)
        source = SOURCES.get(str(diagnosis.config.get("probe_source", "train")), "")
        estimator = ESTIMATORS.get(diagnosis.estimator, diagnosis.estimator)
        how = [
            estimator[:1].upper() + estimator[1:],
            f"{counted(diagnosis.n_probes, 'probe')} {source}",
            counted(diagnosis.n_train, "training example"),
            f"measured in {duration(diagnosis.seconds)}"
            + (f" on {plain(diagnosis.device)}" if diagnosis.device else ""),
            age(diagnosis.created_at),
        ]
        st.caption(" · ".join(how))
        if demo:
            st.caption(
                "The demo was computed beforehand and holds metrics, influence and texts, but no model weights: "
                "everything below can be explored, nothing can be measured anew."
            )
        if late_control:
            st.caption(
                ":material/info: The control was diagnosed after this verdict, which compares with chance alone. "
                "Diagnose this checkpoint again to judge it against the control."
            )
        for note in diagnosis.report.get("notes", []):
            st.caption(f":material/info: {plain(str(note))}")


def show_figures(
    diagnosis: Diagnosis,
    evaluation: tuple[str, dict[str, Any]] | None,
    control: tuple[str, Sequence[Point]] | None,
    *,
    is_control: bool,
) -> None:
    """CID beside what it must be compared with, and accuracy beside the floor that makes it readable."""
    left, right = st.columns(2)
    with left.container(border=True, horizontal=True, gap="xsmall", height="stretch", key="diagnose-cid"):
        _figure("CID", signed(diagnosis.cid, 3), _within(diagnosis.ci_low, diagnosis.ci_high), "cid")
        _figure("Chance reaches", signed(diagnosis.null_high, 3), p_value(diagnosis.p_value), "null")
        _control(control, is_control)
    with right.container(border=True, horizontal=True, gap="xsmall", height="stretch", key="diagnose-accuracy"):
        if evaluation is None:
            st.caption("The model was not evaluated at this step.")
            return
        split, report = evaluation
        low, high = (signed(None if side is None else 100 * side, 1) for side in (report.get("lo"), report.get("hi")))
        _figure(f"{split.capitalize()} accuracy", percent(report["accuracy"]), f"95 % {low}–{high}", "wilson")
        _figure("Worst cell", percent(report["worst_cell"]), str(report["worst_cell_name"]), "worst_cell")
        _figure("Floor", percent(report["confound_only_floor"]), "confound alone", "floor")


def _control(control: tuple[str, Sequence[Point]] | None, is_control: bool) -> None:
    if control is not None:
        last = control[1][-1]
        _figure("Control", signed(last.cid, 3), _within(last.ci_low, last.ci_high), "control")
    else:
        _figure("Control", NOTHING, "this run is one" if is_control else "none diagnosed", "control")


def _within(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return NOTHING
    return f"95 % {interval(low, high)}" if low < 0 else f"95 % {signed(low, 3)}–{signed(high, 3)}"


def _figure(label: str, value: str, beneath: str, term: str) -> None:
    st.metric(
        label,
        value,
        delta=plain(beneath),
        delta_color="off",
        delta_arrow="off",
        help=help_for(term),
        width=120,
    )


def p_value(p: float | None) -> str:
    """p as it is printed; 2,000 draws end at about 0.0005."""
    if p is None:
        return NOTHING
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
