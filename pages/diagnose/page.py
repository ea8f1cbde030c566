"""Diagnose: does this model lean on the confound, since when, and through which training examples?"""

from collections.abc import Sequence

import streamlit as st

from core.store import queries
from core.store.engine import Store
from core.views.diagnoses import RunChoice, accuracy_at, control_points, run_choices
from pages.diagnose import empty
from pages.diagnose.choice import Choice, choose
from pages.diagnose.course import show_course
from pages.diagnose.explorer import explore
from pages.diagnose.layers import show_layers
from pages.diagnose.link import asked
from pages.diagnose.pickers import pick
from pages.diagnose.verdict import show_figures, show_verdict
from pages.diagnose.what_now import show_what_now
from pages.parts.address import go_to
from pages.parts.store import open_store
from pages.parts.work import active_jobs, awaited_diagnosis, show_last_failure, watch


def show(store: Store, runs: Sequence[RunChoice]) -> None:
    """The page for what the address names."""
    choice = choose(store, runs, asked())
    made = awaited_diagnosis(store, choice.run)
    if made is not None:
        go_to(diagnosis=made, bin=None, area=None)
        choice = choose(store, runs, asked())
    go_to(run=choice.run.name, step=choice.step, diagnosis=choice.point.id if choice.point else None)
    if choice.notice:
        st.warning(choice.notice, icon=":material/link_off:")
    pick(runs, choice)
    jobs = active_jobs(store, choice.run)
    if jobs:
        watch(jobs)
    else:
        show_last_failure(store, choice.run)
    if choice.point is None:
        final = any(one.final and one.step == choice.step for one in choice.checkpoints)
        empty.not_diagnosed(choice.run, choice.step, final=final, busy=bool(jobs), status=choice.run.status)
    else:
        _show_diagnosis(store, choice, busy=bool(jobs))


def _show_diagnosis(store: Store, choice: Choice, *, busy: bool) -> None:
    point = choice.point
    assert point is not None
    diagnosis = queries.get_diagnosis(store, point.id)
    dataset = queries.get_dataset(store, choice.run.dataset_id)
    control = control_points(store, choice.run, point)
    show_verdict(
        diagnosis,
        demo=choice.run.demo,
        late_control=control is not None and not choice.run.demo and diagnosis.report.get("control") is None,
    )
    show_figures(
        diagnosis, accuracy_at(store, choice.run.id, point.step), control, is_control=dataset.control_of is not None
    )
    show_what_now(
        choice.run,
        point,
        diagnosis,
        kept=any(one.step == point.step and one.path is not None for one in choice.checkpoints),
        is_control=dataset.control_of is not None,
        busy=busy,
    )
    st.divider()
    show_course(choice, point, diagnosis, control, busy=busy)
    st.divider()
    show_layers(store, choice.run.name, choice.points, point, diagnosis)
    st.divider()
    explore(choice.run.name, choice.run.dataset_id, point)


st.title("Diagnose", anchor=False)
the_store = open_store()
all_runs = run_choices(the_store)
if all_runs:
    show(the_store, all_runs)
else:
    empty.no_runs()
