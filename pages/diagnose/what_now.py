"""What to do with the model that was diagnosed: train it anew with a treatment, treat it as it is, take the report."""

import streamlit as st

from core.store.tables import Run
from core.views.texts import METHODS
from pages.parts.taking_home import report_button

TREATMENTS = ("influence-tuning", "embedding-tuning")


def show_what_now(run: Run, *, step: int, verdict: str, kept: bool, is_control: bool) -> None:
    """Links for what is possible; of a confounded model the two ways out, and when to take which.

    kept: the checkpoint's weights are there.
    """
    treat = verdict == "confounded" and not is_control and run.method not in TREATMENTS
    with st.container(border=treat, key="diagnose-what-now"):
        if treat:
            said = (
                "**What now?** Train it anew with a treatment: tuning rounds between the label steps work against the "
                "confound while it learns, as in the paper."
            )
            as_it_is = " Or treat this model as it is, which is quicker: one short round from its weights, and label steps after it."
            st.markdown(said + (as_it_is if kept else ""))
        with st.container(horizontal=True, vertical_alignment="center"):
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
                    query_params={"run": run.name, "step": str(step)},
                )
                st.page_link(
                    "try_it/page.py",
                    label="Try it on a text",
                    icon=":material/keyboard:",
                    query_params={"run": run.name, "step": str(step)},
                )
            report_button(run)
