"""CID by layer: where in the model the confound lives, now and over training."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.store.engine import Store
from core.store.tables import Diagnosis
from core.views.diagnoses import Point, curve, layers_of
from core.views.layers import in_words, layer_bars, layer_map
from core.views.texts import help_for
from pages.parts.saving import config
from pages.parts.tables import download_csv


def show_layers(store: Store, name: str, points: Sequence[Point], point: Point, diagnosis: Diagnosis) -> None:
    """A sentence, a bar a layer, and a map over the checkpoints that were measured alike."""
    st.subheader("By layer", anchor=False, help=help_for("layers"))
    layers: Sequence[Mapping[str, Any]] = diagnosis.report.get("layers") or []
    if not layers:
        st.caption(
            "Embedding influence has no layers: it looks at the last one alone."
            if diagnosis.estimator != "cosine"
            else "This diagnosis was made before layers were measured. Diagnose the checkpoint again to see them."
        )
        return
    said = in_words(layers)
    st.markdown(said)
    left, right = st.columns(2, gap="large")
    with left:
        st.plotly_chart(
            layer_bars(layers),
            key="diagnose-layer-bars",
            config=config(f"{name}-step-{point.step}-layers"),
            alt=f"A bar for each layer's share of CID. {said}",
        )
    by_step = layers_of(store, [one.id for one in curve(points, point)])
    with right:
        if len(by_step) > 1:
            st.plotly_chart(
                layer_map(by_step),
                key="diagnose-layer-map",
                config=config(f"{name}-layers-over-training"),
                alt=f"Each layer's share of CID at {len(by_step)} checkpoints. {said}",
            )
        else:
            st.caption("With more than one diagnosed checkpoint a map of layers over training stands here.")
    table = pd.DataFrame(
        [
            {
                "step": step,
                "layer": one["layer"],
                "module": one["module"],
                "cid": one["cid"],
                "ci_low": one["ci"][0],
                "ci_high": one["ci"][1],
                "within": one["within"],
                "within_low": one["within_ci"][0],
                "within_high": one["within_ci"][1],
            }
            for step, each in sorted(by_step.items())
            for one in each
        ]
    )
    download_csv(table, f"{name}-layers.csv", key="diagnose-layers-csv")
