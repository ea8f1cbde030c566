"""What to do with the model that was diagnosed: train it anew with a treatment, treat it as it is, take the report."""

import streamlit as st

from core.statistics.verdict import MORE_PROBES
from core.store.tables import Diagnosis, Run
from core.training.diagnosis_config import MOST_PROBES
from core.views.diagnoses import Point
from core.views.texts import METHODS
from pages.parts.taking_home import report_button
from pages.parts.work import start_button

TREATMENTS = ("influence-tuning", "embedding-tuning")
MORE = 4  # halves an interval


def show_what_now(run: Run, point: Point, diagnosis: Diagnosis, *, kept: bool, is_control: bool, busy: bool) -> None:
    """Links for what is possible; of a confounded model the two ways out, and when to take which; where more probes would
    tell, a button that asks them.

    kept: the checkpoint's weights are there. busy: it is being diagnosed already.
    """
    treat = diagnosis.verdict == "confounded" and not is_control and run.method not in TREATMENTS
    with st.container(border=treat, key="diagnose-what-now"):
        if treat:
            said = (
                "**What now?** Train it anew with a treatment: tuning rounds between the label steps work against the "
                "confound while it learns, as in the paper."
            )
            as_it_is = " Or treat this model as it is, which is quicker: one short round from its weights, and label steps after it."
            st.markdown(said + (as_it_is if kept else ""))
        with st.container(horizontal=True, vertical_alignment="center"):
            more = min(MORE * diagnosis.n_probes, diagnosis.n_train, MOST_PROBES)
            if diagnosis.sentence.endswith(MORE_PROBES) and kept and not busy and more > diagnosis.n_probes:
                start_button(
                    run,
                    f"Ask {more:,} probes",
                    checkpoint=str(point.step),
                    key="diagnose-more",
                    like=point,
                    probes=more,
                    primary=True,
                    help=f"Measures this checkpoint in the same way with {more:,} probes in place of {diagnosis.n_probes:,}, so "
                    "that the interval gets narrower.",
                )
            if treat:
                for method in TREATMENTS:
                    st.page_link(
                        "train/page.py",
                        label=f"Train anew with {METHODS[method].lower()}",
                        icon=":material/model_training:",
                        query_params={"clone": run.id, "method": method},
                    )
            if kept:
                st.page_link(
                    "tune/page.py",
                    label="Treat this model",
                    icon=":material/healing:",
                    query_params={"run": run.name, "step": str(point.step)},
                )
                st.page_link(
                    "try_it/page.py",
                    label="Try it on a text",
                    icon=":material/keyboard:",
                    query_params={"run": run.name, "step": str(point.step)},
                )
            report_button(run)
