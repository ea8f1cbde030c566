"""The settings of a treatment: when rounds come, what they draw, what is known of the confound. Imports no torch."""

from typing import Literal

from pydantic import BaseModel, Field


class TreatmentConfig(BaseModel):
    """What `influence-tuning`, `embedding-tuning`, `combined-tuning` and `adversarial` add to the label steps.

    Source of the defaults: Han & Tsvetkov 2021, appendix (TextLen).
    """

    schedule: Literal["rounds", "joint", "once"] = Field(
        "rounds",
        description="rounds: every so many label steps; joint: in every label step; once: one round before the first",
    )
    interval: int = Field(50, ge=1, le=1_000_000, description="Label steps between two rounds")
    round_epochs: int | None = Field(
        None, ge=1, le=1000, description="Tuning epochs of a round; 5 for influence, 10 for embedding when auto"
    )
    round_batch: int = Field(64, ge=1, le=4096, description="Probes in one tuning step")
    round_lr: float | None = Field(None, gt=0, le=1, description="Learning rate of a round; the encoder's when auto")
    probes_per_epoch: int = Field(75, ge=1, le=100_000, description="Probes drawn for a tuning epoch")
    k: int = Field(5, ge=1, le=1000, description="Examples drawn from each of A and B for a probe")
    round_layers: str = Field(
        "all", max_length=2000, description="Layers that a round may change, by name or number of their block"
    )
    embedding_weight: float = Field(
        1.0, gt=0, le=1000, description="Of the embedding term beside the influence term in combined tuning"
    )
    joint_weight: float = Field(1.0, gt=0, le=1000, description="Of the tuning loss in a label step (joint)")
    joint_probes: int = Field(4, ge=1, le=4096, description="Probes drawn for each label step (joint)")
    access_rate: float = Field(
        1.0, gt=0, le=1, description="Share of the training examples whose confound is treated as known"
    )
    keep_counterexamples: int = Field(
        0, ge=0, le=100_000, description="Counterexamples a cell that stay known whatever the access rate"
    )
    adversarial_weight: float = Field(
        0.3, gt=0, le=100, description="λ: how strongly the encoder is turned against the confound head"
    )
    adversarial_head_factor: float = Field(
        20.0, gt=0, le=1000, description="Learning rate of the confound head, in learning rates of the encoder"
    )
