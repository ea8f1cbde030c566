"""CID over training, and by cell; from here the checkpoints that are missing can be diagnosed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.formats import counted, interval, listed, signed
from core.store.tables import Diagnosis
from core.views.diagnoses import Point, curve, undiagnosed
from core.views.texts import help_for
from core.views.trajectory import trajectory
from pages.diagnose.choice import Choice
from pages.parts.address import go_to
from pages.parts.saving import config
from pages.parts.tables import download_csv
from pages.parts.work import start_button

KEY = "diagnose-course"


def show_course(
    choice: Choice, point: Point, diagnosis: Diagnosis, control: tuple[str, Sequence[Point]] | None, *, busy: bool
) -> None:
    """The curve on the left, the cells on the right."""
    left, right = st.columns([5, 3], gap="large")
    with left:
        _curve(choice, point, control, busy)
    with right:
        _cells(choice.run.name, diagnosis)


def _curve(choice: Choice, point: Point, control: tuple[str, Sequence[Point]] | None, busy: bool) -> None:
    line = curve(choice.points, point)
    missing = [] if choice.run.demo else undiagnosed(choice.checkpoints, line)
    st.subheader("CID over training", anchor=False, help=help_for("cid"))
    st.caption(_in_words(line, control))
    st.plotly_chart(
        trajectory(
            line, chosen=point.step, control=control[1] if control else (), waiting=[one.step for one in missing]
        ),
        key=KEY,
        on_select=_picked,
        selection_mode="points",
        config=config(f"{choice.run.name}-cid-over-training"),
        alt=_in_words(line, control),
    )
    _scrubber(point, line)
    with st.container(horizontal=True, vertical_alignment="center"):
        download_csv(_table(line), f"{choice.run.name}-cid.csv", key="diagnose-course-csv")
        if missing and not busy:
            start_button(
                choice.run,
                f"Diagnose the other {counted(len(missing), 'checkpoint')}",
                checkpoint="all",
                like=point,
                key="diagnose-missing",
                help=f"Measures step {listed([f'{one.step:,}' for one in missing], 8)} in the same way as this one.",
            )


def _scrubber(point: Point, line: Sequence[Point]) -> None:
    """Through training, one diagnosed checkpoint after the other; the pinned probe stays."""
    ids = {one.step: one.id for one in line}
    if len(ids) < 2:
        return
    cids = {one.step: one.cid for one in line}
    st.session_state["diagnose-scrub"] = point.step
    st.select_slider(
        "Move through training",
        list(ids),
        format_func=lambda step: f"step {step:,} · CID {signed(cids[step])}",
        key="diagnose-scrub",
        on_change=lambda: _scrubbed(ids),
        help="Everything below follows: layers, probes and figures of that checkpoint. The pinned probe stays.",
    )


def _scrubbed(ids: Mapping[int, str]) -> None:
    step = st.session_state["diagnose-scrub"]
    go_to(step=step, diagnosis=ids[step], bin=None, area=None)


def _picked() -> None:
    step = selected_step(st.session_state[KEY]["selection"])
    if step is not None:
        go_to(step=step, diagnosis=None, bin=None, area=None)


def selected_step(selection: Mapping[str, Any]) -> int | None:
    """The step that a clicked point stands for; points of the band and of the control stand for none."""
    for point in selection["points"]:
        value = point.get("customdata")
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, int | float):
            return int(value)
    return None


def _in_words(line: Sequence[Point], control: tuple[str, Sequence[Point]] | None) -> str:
    known = [one for one in line if one.cid is not None]
    if not known:
        return "CID is undefined at every checkpoint that was diagnosed."
    first, last = known[0], known[-1]
    said = (
        f"At step {last.step:,} CID is {signed(last.cid)} (95 % {interval(last.ci_low, last.ci_high)})."
        if len(known) == 1
        else f"CID goes from {signed(first.cid)} at step {first.step:,} to {signed(last.cid)} at step {last.step:,}."
    )
    if control is None:
        return f"{said} Chance alone gives {interval(last.null_low, last.null_high)}."
    return f"{said} The no-spurious control ends at {signed(control[1][-1].cid)}."


def _table(line: Sequence[Point]) -> pd.DataFrame:
    columns = ["step", "cid", "ci_low", "ci_high", "null_low", "null_high", "p_value", "verdict", "n_probes"]
    return pd.DataFrame([{name: getattr(one, name) for name in columns} for one in line])


def _cells(run_name: str, diagnosis: Diagnosis) -> None:
    st.subheader("By cell", anchor=False, help=help_for("cell"))
    cells = pd.DataFrame(diagnosis.report.get("cells", []))
    if cells.empty:
        st.caption("This diagnosis has no figures by cell.")
        return
    st.caption("The mean CID of the probes of each label × confound cell.")
    st.dataframe(
        cells[["label", "confound", "n_train", "n_probes", "cid"]],
        hide_index=True,
        column_config={
            "label": st.column_config.TextColumn("Label"),
            "confound": st.column_config.TextColumn("Confound"),
            "n_train": st.column_config.NumberColumn(
                "Training", help="Training examples in the cell", format="localized"
            ),
            "n_probes": st.column_config.NumberColumn("Probes", help="Probes drawn from the cell"),
            "cid": st.column_config.NumberColumn("CID", format="%.3f"),
        },
        alt="Mean CID, training examples and probes of each label × confound cell",
    )
    download_csv(cells, f"{run_name}-step-{diagnosis.step}-cells.csv", key="diagnose-cells-csv")
