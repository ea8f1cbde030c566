"""Where in the model the confound lives: a bar per layer, and the layers over training."""

from collections.abc import Sequence

import streamlit as st

from core.formats import counted
from core.store.engine import Store
from core.store.tables import Diagnosis
from core.views.diagnoses import Point, curve, layers_along
from core.views.layer_shares import LayersAt, layers_of, where_it_lives
from core.views.layers import ABOUT_MEASURES, MEASURES, layer_bars, layer_map, layers_table
from core.views.texts import help_for
from pages.diagnose.link import asked
from pages.parts.address import go_to
from pages.parts.saving import config
from pages.parts.tables import download_csv


def show_layers(store: Store, run_name: str, points: Sequence[Point], point: Point, diagnosis: Diagnosis) -> None:
    """The sentence, both figures and their table; a plain sentence where the diagnosis has no layers."""
    st.subheader("Where the confound lives", anchor=False, help=help_for("layer_cid"))
    layers = layers_of(diagnosis.report)
    if not layers:
        st.caption(_why_not(diagnosis))
        return
    course = layers_along(store, curve(points, point))
    said = where_it_lives(layers, point.cid, (point.null_low, point.null_high))
    st.markdown(said)
    measure = asked().layers if asked().layers in MEASURES else "share"
    st.session_state["diagnose-layers"] = measure
    st.segmented_control(
        "Layers show",
        list(MEASURES),
        format_func=MEASURES.get,
        key="diagnose-layers",
        on_change=_measure,
        label_visibility="collapsed",
        required=True,
    )
    st.caption(ABOUT_MEASURES[measure])
    left, right = st.columns(2, gap="large")
    name = f"{run_name}-step-{point.step}"
    with left:
        st.plotly_chart(
            layer_bars(layers, measure),
            key="diagnose-layer-bars",
            config=config(f"{name}-layers"),
            alt=f"A bar per layer: {MEASURES[measure].lower()} at step {point.step:,}. {said}",
        )
    with right:
        st.plotly_chart(
            layer_map(course, point.step, measure),
            key="diagnose-layer-map",
            config=config(f"{run_name}-layers-over-training"),
            alt=f"{MEASURES[measure]} of each layer at {counted(len(course), 'diagnosed checkpoint')}; violet is above 0, "
            f"teal below.",
        )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(_beneath(course, point), width="content")
        download_csv(layers_table(course), f"{run_name}-layers.csv", key="diagnose-layers-csv")


def _beneath(course: Sequence[LayersAt], point: Point) -> str:
    said = f"Left: step {point.step:,}, with 95 % intervals over {counted(point.n_probes, 'probe')}. "
    if len(course) == 1:
        return f"{said}Right: the only checkpoint whose layers are known; diagnose others to see how they change."
    return (
        f"{said}Right: {counted(len(course), 'checkpoint')}; violet is above 0, teal below, and the frame is this step."
    )


def _why_not(diagnosis: Diagnosis) -> str:
    if diagnosis.estimator != "cosine":
        return (
            "Embedding influence compares the one vector that the last layer reads, so it has no layers. A diagnosis by "
            "gradient cosine shows them."
        )
    if "layers" in diagnosis.report:
        return "No probe of this diagnosis has a CID, so there is nothing to split over layers."
    return "This diagnosis was made before CID was kept by layer. Diagnose a checkpoint anew, and its layers are shown here."


def _measure() -> None:
    chosen = st.session_state["diagnose-layers"]
    go_to(layers=None if chosen == "share" else chosen)
