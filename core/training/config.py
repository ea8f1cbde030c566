"""What a training run is asked to do. Imports no torch, so pages and the command line can check settings at once."""

import difflib
from collections.abc import Mapping
from typing import Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from core.encoders.catalogue import EncoderSpec
from core.errors import UserError
from core.training.treatment_config import TreatmentConfig

Method = Literal["finetune", "influence-tuning", "embedding-tuning", "combined-tuning", "adversarial"]


class ConfigError(UserError):
    """A setting that is unknown or out of range."""


class TrainConfig(TreatmentConfig):
    """The settings of one run; together with the data, the machine and the versions they determine every number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Method = Field("finetune", description="How the model is trained")
    encoder: str = Field("minilm", max_length=500, description="Which encoder")
    revision: str | None = Field(None, description="Commit of a hub encoder that is not in the catalogue")
    seed: int = Field(2021, ge=0, le=2**32 - 1, description="Of the head, the data order and dropout")

    label_epochs: int = Field(10, ge=1, le=200, description="Passes over the training set")
    label_steps: int | None = Field(
        None, ge=0, le=10_000_000, description="Label steps of the whole run, instead of passes over the training set"
    )
    label_lr: float | None = Field(None, gt=0, le=1, description="Peak learning rate; the encoder's own when auto")
    batch_size: int = Field(64, ge=1, le=4096, description="Examples in one label step")
    micro_batch: int | None = Field(
        None, ge=1, le=4096, description="Examples on the device at once; changes cost, not meaning"
    )
    warmup: float = Field(0.1, ge=0, le=0.9, description="Share of the steps over which the rate rises")
    weight_decay: float = Field(0.01, ge=0, le=1, description="Of AdamW; biases and LayerNorm are left out")
    max_grad_norm: float = Field(1.0, gt=0, le=1000, description="Longer gradients are clipped to this length")
    max_length: int = Field(64, ge=4, le=4096, description="Tokens of one example; longer texts are cut")

    lineage: int = Field(0, ge=0, le=1000, description="Runs that this one goes on from, one from the other")

    precision: Literal["auto", "float32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 or fp16 on a GPU, float32 on a CPU"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    checkpoints: int = Field(5, ge=1, le=100, description="Models kept, evenly spaced, the final one included")
    diagnose_every: int = Field(
        0, ge=0, le=1_000_000, description="Label steps between two points of the CID curve; 0 for none"
    )
    diagnose_probes: int = Field(40, ge=2, le=500, description="Fixed probes of the CID curve")
    diagnose_rows: int = Field(
        100, ge=2, le=100_000, description="Training examples per cell that the CID curve is estimated from"
    )

    @classmethod
    def parse(cls, settings: Mapping[str, str]) -> "TrainConfig":
        """Read `key=value` texts, as the command line gives them; `auto` stands for "not given".

        Raises:
            ConfigError: naming the key, the value and what is allowed; an unknown key with the closest known one.
        """
        return cls.of({key: None if _optional(key) and text == "auto" else text for key, text in settings.items()})

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "TrainConfig":
        """Check settings of any origin. Raises ConfigError as `parse` does."""
        for key in settings:
            if key not in cls.model_fields:
                raise ConfigError(_unknown(key))
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            key = str(error.errors()[0]["loc"][0])
            value = settings[key]
            raise ConfigError(f"{key}={value!s:.80} is not possible: {key} must be {allowed(key)}.") from error

    def lr_for(self, spec: EncoderSpec) -> float:
        """The peak learning rate of the label steps."""
        return spec.suggested_label_lr if self.label_lr is None else self.label_lr

    def round_lr_for(self, spec: EncoderSpec) -> float:
        """The learning rate inside a round."""
        if self.round_lr is not None:
            return self.round_lr
        return spec.suggested_embedding_lr if self.method == "embedding-tuning" else spec.suggested_influence_lr

    def epochs_per_round(self) -> int:
        """Tuning epochs of a round: the paper's 5 for influence and 10 for embedding tuning where not given."""
        return self.round_epochs or (10 if self.method == "embedding-tuning" else 5)

    def terms(self) -> dict[str, float]:
        """The demotion terms of the method and their weights."""
        return {
            "influence-tuning": {"influence": 1.0},
            "embedding-tuning": {"embedding": 1.0},
            "combined-tuning": {"influence": 1.0, "embedding": self.embedding_weight},
        }.get(self.method, {})


def allowed(key: str) -> str:
    """What values a setting takes, in words; for help texts and error messages."""
    field = TrainConfig.model_fields[key]
    limits = {type(limit): limit for limit in field.metadata}
    choices = getattr(field.annotation, "__args__", ())
    if all(isinstance(choice, str) for choice in choices) and choices:
        return "one of " + ", ".join(choices)
    kind = "a whole number" if int in (field.annotation, *choices) else "a number"
    if str in (field.annotation, *choices):
        return "a short text"
    low = f"from {limits[Ge].ge:g}" if Ge in limits else f"above {limits[Gt].gt:g}" if Gt in limits else ""
    high = f"to {limits[Le].le:.12g}" if Le in limits else f"below {limits[Lt].lt:g}" if Lt in limits else ""
    auto = ", or auto" if _optional(key) else ""
    return " ".join(part for part in (kind, low, high) if part) + auto


def settings_help() -> list[tuple[str, str, str, Any]]:
    """Every setting: name, what it means, what is allowed, default."""
    return [
        (key, field.description or "", allowed(key), field.default) for key, field in TrainConfig.model_fields.items()
    ]


def _optional(key: str) -> bool:
    field: FieldInfo | None = TrainConfig.model_fields.get(key)
    return field is not None and type(None) in getattr(field.annotation, "__args__", ())


def _unknown(key: str) -> str:
    known = sorted(TrainConfig.model_fields, key=lambda name: name in TreatmentConfig.model_fields)  # its own first
    wanted = key.replace("-", "_").lower()
    scores = {name: difflib.SequenceMatcher(None, wanted, name).ratio() for name in known}
    best = max(scores.values())
    close = [name for name in known if scores[name] == best] if best >= 0.6 else []
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    return f"There is no setting {key[:60]!r}. {hint}Known are {', '.join(known)}."
