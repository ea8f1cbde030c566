"""The text to try: typed, or an example of the data set; and what is asked of it."""

import streamlit as st

from core.actions.trying import MOST_CHARACTERS, start_try
from core.errors import UserError
from core.formats import count, plain
from core.jobs.tries import SAMPLED
from core.settings import get_settings
from core.store.engine import Store
from core.store.tables import Dataset, Job
from core.views.texts import help_for
from pages.parts.address import go_to
from pages.try_it.choice import Choice
from pages.try_it.examples import pick_example

PREDICTED, AS_IT_SHOWS = "", ""


def show_form(store: Store, choice: Choice, dataset: Dataset, job: Job | None) -> None:
    """Draw it; the button queues the try and puts it into the address. It begins with what the shown try asked."""
    _begin_with(dataset, job)
    st.text_area(
        "Text",
        key="try-text",
        height=120,
        max_chars=MOST_CHARACTERS,
        placeholder="Type or paste a text, or take an example of the data set below",
        help="Press Ctrl + Enter when you have typed it.",
    )
    second = dataset.mapping.get("text_b") is not None
    if second:
        st.text_area("Second text", key="try-text-b", height=80, max_chars=MOST_CHARACTERS)
    shelf = st.expander(
        "Take an example of the data set", icon=":material/format_list_bulleted:", key="try-shelf", on_change="rerun"
    )
    if shelf.open:  # a large data set is read only when somebody looks
        with shelf:
            pick_example(dataset)
    n_train = int(dataset.profile["splits"]["train"]["n"])
    whole = n_train <= SAMPLED
    columns = st.columns(2 if whole else 3, vertical_alignment="bottom")
    columns[0].selectbox(
        "Influence on the label",
        [PREDICTED, *dataset.labels],
        format_func=lambda one: one or "the one that is predicted",
        key="try-label",
        help=help_for("influence"),
    )
    columns[1].selectbox(
        "Confound value of the text",
        [AS_IT_SHOWS, *dataset.confounds],
        format_func=lambda one: one or "what the text shows",
        key="try-confound",
        help="Splits the training examples into those that share it and those that don't. Where the confound is a word in "
        "the text it shows by itself; else choose it, or both groups stay unknown.",
    )
    if not whole:
        columns[2].selectbox(
            "Training examples",
            ["sample", "all"],
            format_func=lambda one: _rows_line(one, n_train),
            key="try-rows",
            help="The sample has equally many of every label × confound cell, always the same for a run.",
        )
    if st.button("Try this text", type="primary", icon=":material/play_arrow:", key="try-start"):
        _start(store, choice, second=second)


def _rows_line(which: str, n_train: int) -> str:
    return f"a sample of up to {SAMPLED}, in seconds" if which == "sample" else f"all {count(n_train)}, takes longer"


def _begin_with(dataset: Dataset, job: Job | None) -> None:
    """Fill the fields once for every try and data set that is looked at; what is typed after that stays."""
    about = f"{dataset.id} {job.id if job else st.session_state.get('try-about', '').partition(' ')[2]}"
    kept = all(key in st.session_state for key in ("try-text", "try-label", "try-confound"))
    if st.session_state.get("try-about") == about and kept:
        return
    asked = dict(job.payload) if job else {}
    st.session_state["try-about"] = about
    st.session_state["try-text"] = asked.get("text", "")
    st.session_state["try-text-b"] = asked.get("text_b") or ""
    st.session_state["try-label"] = asked.get("label") or PREDICTED
    st.session_state["try-confound"] = asked.get("confound") or AS_IT_SHOWS
    st.session_state["try-rows"] = asked.get("rows", "sample")
    st.session_state["try-example"] = (asked["example"], asked["text"]) if asked.get("example") else None


def _start(store: Store, choice: Choice, *, second: bool) -> None:
    said = st.session_state
    example = said.get("try-example")
    try:
        job = start_try(
            store,
            get_settings(),
            choice.run,
            said["try-text"],
            text_b=said.get("try-text-b") if second else None,
            checkpoint=str(choice.checkpoint.step) if choice.checkpoint else "final",
            label=said["try-label"] or None,
            confound=said["try-confound"] or None,
            rows=said.get("try-rows", "sample"),
            example=example[0] if example and example[1] == said["try-text"] else None,
        )
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    go_to(job=job.id)
    st.rerun()
