"""From the probes to single training examples. A fragment: what is chosen here runs no more than this again."""

import streamlit as st

from core.views.diagnoses import Point
from core.views.texts import help_for
from pages.diagnose.card import show_card
from pages.diagnose.figure import prepare, show_figure
from pages.diagnose.listing import show_list
from pages.diagnose.matrix import pick_view, show_matrix
from pages.diagnose.probes import pinned_probe, show_probes


@st.fragment
def explore(run_name: str, dataset_id: str, point: Point) -> None:
    """The table of probes, the pinned probe with its histograms, and training examples."""
    st.subheader("Probes", anchor=False, help=help_for("probe"))
    st.caption("Each is one decision of the model, traced back to the training set. Pick a row to see its figure.")
    as_matrix = pick_view() == "matrix"
    above = st.container()
    probe = pinned_probe(point)
    if probe is None:
        st.caption("This diagnosis has no probes.")
        return
    left, right = st.columns([2, 5], gap="large")
    with left:
        show_card(probe)
    with above:  # after the card: where a probe is picked in the table, the table stays as it is
        if as_matrix:
            show_matrix(run_name, dataset_id, point)
        else:
            show_probes(run_name, point)
    name = f"{run_name}-step-{point.step}-probe-{probe['id']}"
    shown = prepare(dataset_id, point, probe)
    with right:
        show_figure(shown, name)
        show_list(shown, name)
