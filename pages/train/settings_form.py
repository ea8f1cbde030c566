"""The numbers of a training run: a few in sight, the rest on demand. Ranges come from the configuration itself."""

from typing import Any

import streamlit as st
from annotated_types import Ge, Le

from core.encoders.catalogue import EncoderSpec
from core.training.config import TrainConfig, allowed

IN_SIGHT = ("label_epochs", "label_lr", "batch_size")
MORE = ("max_length", "checkpoints", "warmup", "weight_decay", "max_grad_norm", "micro_batch", "precision", "device")
TITLES = {
    "label_epochs": "Epochs",
    "label_lr": "Learning rate",
    "batch_size": "Batch size",
    "max_length": "Longest text, tokens",
    "checkpoints": "Checkpoints kept",
    "warmup": "Warm-up share",
    "weight_decay": "Weight decay",
    "max_grad_norm": "Gradient clipped at",
    "micro_batch": "At once on the device",
    "precision": "Precision",
    "device": "Device",
}


def settings_form(key: str, before: dict[str, Any], spec: EncoderSpec | None) -> dict[str, str]:
    """The settings that differ from "not given", as texts for `TrainConfig.parse`.

    before: the configuration of a cloned run, or nothing for the defaults.
    """
    values: dict[str, str] = {}
    for place, name in zip(st.columns(len(IN_SIGHT)), IN_SIGHT, strict=True):
        values[name] = _field(place, key, name, before, spec)
    with st.expander("More settings"):
        columns = st.columns(2)
        for number, name in enumerate(MORE):
            values[name] = _field(columns[number % 2], key, name, before, spec)
    return {name: value for name, value in values.items() if value != ""}


def _field(place: Any, key: str, name: str, before: dict[str, Any], spec: EncoderSpec | None) -> str:
    about = TrainConfig.model_fields[name]
    start = before.get(name, about.default)
    help_text = f"{about.description}: {allowed(name)}."
    choices = getattr(about.annotation, "__args__", ())
    if choices and all(isinstance(one, str) for one in choices):
        return str(
            place.selectbox(TITLES[name], choices, index=choices.index(start), key=f"{name}-{key}", help=help_text)
        )
    whole = int in (about.annotation, *choices)
    if whole and about.default is not None:
        limits = {type(limit): limit for limit in about.metadata}
        return str(
            place.number_input(
                TITLES[name],
                min_value=limits[Ge].ge if Ge in limits else None,
                max_value=limits[Le].le if Le in limits else None,
                value=int(start),
                key=f"{name}-{key}",
                help=help_text,
            )
        )
    usual = "auto"
    if name == "label_lr" and spec is not None:
        usual = f"{spec.suggested_label_lr:g}"
    shown = "" if start is None or (name not in before and about.default is None) else f"{start:g}"
    text = place.text_input(
        TITLES[name], value=shown, placeholder=usual, key=f"{name}-{key}", help=help_text, max_chars=20
    )
    return text.strip().replace(",", ".")
