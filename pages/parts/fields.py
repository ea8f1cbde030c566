"""One setting of a run as a widget. Its range, help and default come from the configuration itself."""

from typing import Any

from annotated_types import Ge, Le

from core.encoders.catalogue import EncoderSpec
from core.training.config import TrainConfig, allowed
from core.views.texts import SCHEDULES

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
    "schedule": "When to tune",
    "interval": "Label steps between rounds",
    "round_epochs": "Epochs of a round",
    "round_lr": "Learning rate of a round",
    "probes_per_epoch": "Probes in a tuning epoch",
    "k": "Examples of A and of B (k)",
    "round_batch": "Probes in a tuning step",
    "round_layers": "Layers a round may change",
    "embedding_weight": "Weight of the embedding term",
    "joint_weight": "Weight of the tuning loss",
    "joint_probes": "Probes in a label step",
    "access_rate": "Access rate",
    "keep_counterexamples": "Counterexamples kept known",
    "adversarial_weight": "Weight against the confound (λ)",
    "adversarial_head_factor": "Rate of the confound head, times",
    "diagnose_every": "CID curve: a point every … label steps",
    "diagnose_probes": "Probes of the CID curve",
    "diagnose_rows": "Examples of a cell for the curve",
}
OFFERED = {"schedule": ("rounds", "joint")}
"""Choices that a new run has, where not all of them."""
HELP = {
    "schedule": "Rounds are the paper's way: a few tuning epochs every so many label steps. In every label step, the "
    "tuning loss of a few probes is a part of the loss: the variant that the paper names and leaves untried."
}


def show_field(place: Any, key: str, name: str, before: dict[str, Any], method: str, spec: EncoderSpec | None) -> str:
    """The widget of a setting; returns what it says as a text for `TrainConfig.parse`, "" for "not given".

    before: the configuration that the form begins with.
    """
    about = TrainConfig.model_fields[name]
    start = before.get(name, about.default)
    common: dict[str, Any] = {
        "key": f"{name}-{key}",
        "help": HELP.get(name, f"{about.description}: {allowed(name)}."),
    }
    choices = getattr(about.annotation, "__args__", ())
    if choices and all(isinstance(one, str) for one in choices):
        offered = OFFERED.get(name, choices)
        place_of = offered.index(start) if start in offered else 0
        return str(
            place.selectbox(
                TITLES[name], offered, index=place_of, format_func=lambda one: SCHEDULES.get(one, one), **common
            )
        )
    if about.annotation is str:
        return str(place.text_input(TITLES[name], value=str(start), max_chars=2000, **common)).strip()
    if int in (about.annotation, *choices) and about.default is not None:
        limits = {type(limit): limit for limit in about.metadata}
        return str(
            place.number_input(
                TITLES[name],
                min_value=limits[Ge].ge if Ge in limits else None,
                max_value=limits[Le].le if Le in limits else None,
                value=int(start),
                **common,
            )
        )
    shown = "" if start is None or (name not in before and about.default is None) else f"{start:g}"
    text = place.text_input(TITLES[name], value=shown, placeholder=_usual(name, method, spec), max_chars=20, **common)
    return str(text).strip().replace(",", ".")


def _usual(name: str, method: str, spec: EncoderSpec | None) -> str:
    """What "auto" comes to, where that is known."""
    config = TrainConfig.of({"method": method})
    if name == "round_epochs":
        return str(config.epochs_per_round())
    if spec is not None and name in ("label_lr", "round_lr"):
        return f"{config.lr_for(spec) if name == 'label_lr' else config.round_lr_for(spec):g}"
    return "auto"
