"""What a label step minimises. One class per method; the trainer only sees the protocol."""

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from core.training.batching import Batch
from core.training.config import TrainConfig


class Objective(Protocol):
    """A loss per example.

    heads: parameters that the method needs beside the model's own. They are trained and saved with the state of the
    run, but are no part of a checkpoint.
    """

    heads: nn.Module

    def __call__(self, model: PreTrainedModel, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of every example [B] and the label logits [B, C]. `batch` is what `Encoded.batch` makes."""
        ...


class Finetune:
    """Cross-entropy of the label: `L(x, y) = −log softmax(f(x))_y`."""

    def __init__(self) -> None:
        self.heads: nn.Module = nn.ModuleDict()

    def __call__(self, model: PreTrainedModel, batch: Batch) -> tuple[Tensor, Tensor]:
        """Losses [B], logits [B, C]."""
        inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
        logits = model(**inputs).logits  # [B, C]
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return F.cross_entropy(logits, batch["labels"], reduction="none"), logits


OBJECTIVES = {"finetune": Finetune}


def make_objective(config: TrainConfig) -> Objective:
    """The objective of a run's method."""
    return OBJECTIVES[config.method]()
