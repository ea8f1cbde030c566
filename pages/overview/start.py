"""Where to begin: the sample, the precomputed demo, a file of one's own."""

import streamlit as st

from core.actions.datasets import add_sample
from core.actions.training import start_training
from core.datasets.samples import SAMPLES
from core.errors import UserError
from core.formats import plain
from core.settings import get_settings
from core.store import queries
from core.store.engine import Store
from core.store.queries import RunRow
from pages.parts.tour import tour_button

SAMPLE = "textlen"
ENCODER = "minilm"
STEPS = (
    (
        ":material/table_view: Check the data",
        "How closely do label and confound go together, and how far would the confound alone get? That floor makes every "
        "accuracy readable.",
    ),
    (
        ":material/model_training: Train a classifier",
        "In the background, with its progress in sight. Accuracy is told for every label and confound together, worst cell "
        "included.",
    ),
    (
        ":material/query_stats: Ask what it learned from",
        "Every training example's influence on a set of decisions. If those that share the confound speak louder, the model "
        "leans on it.",
    ),
)


def show_welcome(store: Store, runs: list[RunRow]) -> None:
    """What a newcomer sees: two or three ways in, side by side."""
    demo = _demo(runs)
    places = iter(st.columns(3 if demo else 2, gap="medium"))
    with next(places), st.container(border=True, height="stretch"):
        st.markdown("#### See it happen")
        st.markdown(
            f"{plain(SAMPLES[SAMPLE].title)}: a small model is trained on a bundled sample in which a prefix gives the "
            "label away, and is then asked what it learned from. Takes some minutes on a laptop and needs no network."
        )
        st.space("stretch")
        _start_button(store, kind="primary")
    if demo:
        with next(places), st.container(border=True, height="stretch"):
            st.markdown("#### See the outcome at once")
            st.markdown(
                "The same, computed before: curves, histograms and the examples behind them, to browse at once. It has no "
                "weights, so it cannot be trained further or diagnosed anew."
            )
            st.space("stretch")
            _demo_button(demo)
            tour_button(runs, width="stretch")
    with next(places), st.container(border=True, height="stretch"):
        st.markdown("#### Bring your own text")
        st.markdown(
            "A CSV, JSON or Parquet file with text, a label and what you suspect the model might lean on. If you have no "
            "column for that, build one from keywords."
        )
        st.space("stretch")
        if st.button("Add your data", icon=":material/upload_file:", key="to-data", width="stretch"):
            st.switch_page("data/page.py")


def show_how() -> None:
    """The loop in three steps, for those who do not know it yet."""
    st.space("small")
    st.subheader("How it works", anchor=False)
    for place, (title, text) in zip(st.columns(len(STEPS), gap="large"), STEPS, strict=True):
        place.markdown(f"**{title}**")
        place.caption(text)


def show_start(store: Store, runs: list[RunRow]) -> None:
    """The same ways, in one line, for those who have been here before."""
    demo = _demo(runs)
    with st.container(horizontal=True):
        if st.button("New run", icon=":material/model_training:", key="to-train", type="primary"):
            st.switch_page("train/page.py")
        if st.button("Add data", icon=":material/upload_file:", key="to-data"):
            st.switch_page("data/page.py")
        sample = queries.find_dataset(store, SAMPLES[SAMPLE].name)
        if sample is None or not any(run.dataset_id == sample.id and not run.demo for run in runs):
            _start_button(store, kind="secondary", width="content")
        if demo:
            _demo_button(demo, width="content")
        tour_button(runs)


def _demo(runs: list[RunRow]) -> RunRow | None:
    """The demo run to look at first: one that leans on the confound, if there is one."""
    there = [run for run in runs if run.demo and run.cid is not None]
    return next((run for run in there if run.verdict == "confounded"), there[0] if there else None)


def _demo_button(demo: RunRow, width: str = "stretch") -> None:
    if st.button("Look at the precomputed demo", icon=":material/query_stats:", key="to-demo", width=width):
        st.switch_page("diagnose/page.py", query_params={"run": demo.id})


def _start_button(store: Store, *, kind: str, width: str = "stretch") -> None:
    if not st.button("Start with the sample", type=kind, icon=":material/play_arrow:", key="start-sample", width=width):
        return
    try:
        with st.spinner("Adding the sample …"):
            dataset = add_sample(store, get_settings(), SAMPLE)
            started = start_training(store, get_settings(), dataset, encoder=ENCODER, then_diagnose="all")
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.switch_page("train/page.py", query_params={"run": started.run.id})
