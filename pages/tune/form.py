"""The settings of a round from a checkpoint, checked as they are typed, with its predicted time, and the button."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.actions.tuning import (
    KINDS,
    LABEL,
    an_epoch,
    child_config,
    diagnosed_like,
    spec_of,
    start_tuning,
    usual_label_steps,
)
from core.encoders.catalogue import EncoderSpec
from core.errors import UserError
from core.formats import counted, plain
from core.settings import get_settings
from core.store.engine import Store
from core.store.tables import Checkpoint, Dataset, Run
from core.training.config import TrainConfig
from core.training.diagnosis_config import DiagnosisConfig
from core.training.effort import TUNING_COST
from core.views.texts import help_for
from pages.parts.address import go_to
from pages.parts.checks import show_checks
from pages.parts.fields import show_field
from pages.parts.forecast import show_forecast

TITLES = {
    "influence": "Influence tuning",
    "embedding": "Embedding tuning",
    "combined": "Combined tuning",
    "label": "Label steps alone",
}
ABOUT = {
    "influence": "Lowers J over gradients of all parameters: what CID itself measures. An example in it costs "
    f"{TUNING_COST['influence']:g} times one in a label step.",
    "embedding": "The same with the vectors that the last layer reads in place of gradients. An example in it costs as "
    "much as one in a label step.",
    "combined": "Both terms in the same round, for where one alone leaves CID high; it costs what the two cost together.",
    "label": "No round: training on the labels goes on from here. Shows whether the confound comes back.",
}
IN_SIGHT = (("round_epochs", "round_lr"), ("probes_per_epoch", "k"), ("access_rate", "round_layers"))
MORE = ("round_batch", "keep_counterexamples", "diagnose_probes", "diagnose_rows")
LABEL_STEPS = ("label_lr", "batch_size", "checkpoints")
MOST_LABEL_STEPS = 10_000_000


def show_form(store: Store, run: Run, start: Checkpoint, dataset: Dataset) -> None:
    """What to do with the checkpoint; the button queues it and goes to the new run."""
    st.subheader("Treat this model" if run.parent_step is None else "Another treatment from here", anchor=False)
    st.caption(
        f"Begins with the weights of **{plain(run.name)}** at step {start.step:,}. A new run is made; this one stays as it is."
    )
    key = f"{run.id}-{start.step}"
    spec = encoder_of(run)
    left, right = st.columns([3, 2], gap="large")
    with left:
        kind = _kind()
        steps, options = _settings(run, dataset, key, kind, spec)
    with right:
        config = _config(run, kind, options, steps, spec)
        diagnose = _diagnosis(store, run, start, key)
        name = st.text_input(
            "Name (optional)", placeholder=f"{run.name}-{start.step}-{kind}"[:110], max_chars=110, key=f"name-{key}"
        )
        ready = config is not None and show_checks(config, dataset)
        if config is not None and spec is not None:
            show_forecast(store, dataset, config, spec, runs=1)
        if st.button(
            "Start the label steps" if kind == LABEL else "Start the round",
            type="primary",
            icon=":material/healing:",
            disabled=not ready,
            key="tune-start",
            width="stretch",
        ):
            begin(store, run, kind, str(start.step), options, steps, name.strip() or None, diagnose=diagnose)


def begin(
    store: Store,
    run: Run,
    kind: str,
    checkpoint: str,
    options: dict[str, str],
    label_steps: int,
    name: str | None = None,
    *,
    diagnose: bool = True,
) -> None:
    """Queue the child run and go to it; where that cannot be, say why."""
    try:
        begun = start_tuning(
            store,
            get_settings(),
            run,
            kind=kind,
            checkpoint=checkpoint,
            options=options,
            then_label_steps=label_steps,
            name=name,
            then_diagnose=diagnose,
        )
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.switch_page("tune/page.py", query_params={"run": begun.run.name})


def encoder_of(run: Run) -> EncoderSpec | None:
    """What is known of the run's encoder; nothing where it cannot be named any more."""
    try:
        return spec_of(get_settings(), run)
    except UserError:
        return None


def _kind() -> str:
    asked = st.query_params.get("kind")
    st.session_state["tune-kind"] = asked if asked in KINDS else KINDS[0]
    kind = str(
        st.pills(
            "What to do",
            KINDS,
            format_func=TITLES.get,
            key="tune-kind",
            on_change=_kind_chosen,
            required=True,
            wrap=True,
            help=help_for("round"),
        )
    )
    st.caption(ABOUT[kind])
    return kind


def _kind_chosen() -> None:
    chosen = st.session_state["tune-kind"]
    go_to(kind=None if chosen == KINDS[0] else chosen)


def _settings(run: Run, dataset: Dataset, key: str, kind: str, spec: EncoderSpec | None) -> tuple[int, dict[str, str]]:
    """Label steps to follow, and the settings that differ from "not given" as texts for `TrainConfig.parse`."""
    alone = kind == LABEL
    method = "finetune" if alone else f"{kind}-tuning"
    before = _before(run, kind, spec)
    values: dict[str, str] = {}

    def rows(rows: Sequence[Sequence[str]]) -> None:
        for names in rows:
            for place, name in zip(st.columns(len(names), vertical_alignment="bottom"), names, strict=True):
                values[name] = show_field(place, key, name, before, method, spec)

    if not alone:
        rows(IN_SIGHT if kind != "combined" else (*IN_SIGHT, ("embedding_weight",)))
        _name_layers(spec)
    epoch = an_epoch(run, dataset)
    steps = st.number_input(
        "Label steps" if alone else "Label steps afterwards",
        min_value=1 if alone else 0,
        max_value=MOST_LABEL_STEPS,
        value=epoch if alone else usual_label_steps(run, dataset, spec),
        step=1,
        key=f"steps-{key}-{alone}",
        help=f"Training on the labels goes on for so many steps, with a learning rate that rises and falls once more. "
        f"An epoch has {counted(epoch, 'step')}.",
    )
    more = (*(() if alone else MORE), *(LABEL_STEPS if steps else ()))
    with st.expander("More settings"):
        columns = st.columns(2)
        for number, name in enumerate(more):
            values[name] = show_field(columns[number % 2], key, name, before, method, spec)
    return int(steps), {name: value for name, value in values.items() if value != ""}


def _before(run: Run, kind: str, spec: EncoderSpec | None) -> dict[str, Any]:
    """What the form begins with: the settings that the new run would have if nothing were said."""
    try:
        return child_config(run, kind, {}, 1, spec).model_dump()
    except UserError:  # of another version
        return {}


def _name_layers(spec: EncoderSpec | None) -> None:
    if spec is not None and spec.shape is not None:
        st.caption(
            f"Layers: all, or some of them parted by commas: embeddings, blocks 0 to {spec.shape.layers - 1}, pooler, "
            "classifier."
        )


def _config(run: Run, kind: str, options: dict[str, str], steps: int, spec: EncoderSpec | None) -> TrainConfig | None:
    try:
        return child_config(run, kind, options, steps, spec)
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


def _diagnosis(store: Store, run: Run, start: Checkpoint, key: str) -> bool:
    like = diagnosed_like(store, run, start.step)
    asked = like["probes"] if like else DiagnosisConfig.model_fields["probes"].default
    help_text = (
        "Asks the same probes as the last diagnosis of the starting point, so that the two can be compared probe by probe."
        if like
        else "The starting point has not been diagnosed; it can be measured afterwards, with the same probes."
    )
    return st.checkbox(
        f"Diagnose afterwards, with {counted(int(asked), 'probe')}", value=True, key=f"diagnose-{key}", help=help_text
    )
