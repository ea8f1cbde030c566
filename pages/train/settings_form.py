"""The settings of a training run: those that its method has and no others, a few in sight, the rest on demand."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.encoders.catalogue import EncoderSpec
from core.training.config import TrainConfig
from pages.parts.fields import show_field

IN_SIGHT = ("label_epochs", "label_lr", "batch_size")
MORE = ("max_length", "checkpoints", "warmup", "weight_decay", "max_grad_norm", "micro_batch", "precision", "device")
ROUNDS = ("interval", "round_epochs", "round_lr")
MORE_ROUNDS = ("probes_per_epoch", "round_batch", "round_layers")
JOINT = ("joint_weight", "joint_probes")
CURVE = ("diagnose_probes", "diagnose_rows")


def settings_form(key: str, before: dict[str, Any], method: str, spec: EncoderSpec | None) -> dict[str, str]:
    """The settings that differ from "not given", as texts for `TrainConfig.parse`.

    before: the configuration of a cloned run, or nothing for the defaults. method: of `TrainConfig`.
    """
    values: dict[str, str] = {}

    def show(place: Any, *names: str) -> None:
        for name in names:
            values[name] = show_field(place, key, name, before, method, spec)

    def row(names: Sequence[str]) -> None:
        for place, name in zip(st.columns(len(names), vertical_alignment="bottom"), names, strict=True):
            show(place, name)

    row(IN_SIGHT)
    rare: tuple[str, ...] = ()
    if TrainConfig.of({"method": method}).terms():
        with st.container(border=True):
            show(st, "schedule")
            joint = values["schedule"] == "joint"
            row(JOINT if joint else ROUNDS)
            row((*(("embedding_weight",) if method == "combined-tuning" else ()), "k", "access_rate"))
        rare = (*(() if joint else MORE_ROUNDS), "keep_counterexamples")
    elif method == "adversarial":
        with st.container(border=True):
            row(("adversarial_weight", "access_rate"))
        rare = ("adversarial_head_factor", "keep_counterexamples")
    show(st, "diagnose_every")
    if values["diagnose_every"] != "0":
        rare += CURVE
    with st.expander("More settings"):
        columns = st.columns(2)
        for number, name in enumerate((*rare, *MORE)):
            show(columns[number % 2], name)
    return {name: value for name, value in values.items() if value != ""}
