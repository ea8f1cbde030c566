"""What a label step minimises. One class per method; the trainer only sees the protocol."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from core.errors import UserError
from core.training.batching import Batch, Rows
from core.training.config import TrainConfig
from core.training.tuples import Codes, Known


class Objective(Protocol):
    """A loss per example.

    heads: parameters that the method needs beside the model's own. They are trained and saved with the state of the
    run, but are no part of a checkpoint.
    """

    heads: nn.Module

    def __call__(self, model: PreTrainedModel, batch: Batch, rows: Rows, /) -> tuple[Tensor, Tensor | None, Tensor]:
        """Every example's label loss [B], what the method adds to it [B] (None: nothing), and label logits [B, C].

        `batch` is what `Encoded.batch` makes of the training rows `rows`.
        """
        ...


class Finetune:
    """Cross-entropy of the label: `L(x, y) = −log softmax(f(x))_y`."""

    def __init__(self) -> None:
        self.heads: nn.Module = nn.ModuleDict()

    def __call__(self, model: PreTrainedModel, batch: Batch, _rows: Rows) -> tuple[Tensor, Tensor | None, Tensor]:
        """Losses [B], nothing, logits [B, C]."""
        logits = _logits(model, batch)
        return F.cross_entropy(logits, batch["labels"], reduction="none"), None, logits


class Adversarial:
    """A confound head on the vector that the label's last layer reads, behind a reversal of the gradient.

    The head minimises `L_c = −log softmax(g(h))_c`; the encoder, reached through the reversal, minimises
    `L_label − λ L_c`. Confounds may have any number of values; an example whose confound is not known adds nothing.
    The head learns at a multiple of the encoder's rate: at the same one it hardly moves, and the encoder, instead of
    losing the confound, only learns to deceive it (on TextLen L_c rose to 6.5, ten times that of a coin).

    Source: Pryzant et al. 2018; Ganin & Lempitsky 2015 for the reversal.
    """

    def __init__(self, confound: Codes, known: Known, width: int, weight: float) -> None:
        """confound: a code for each training row [N]; width: H of the vector h; weight: λ."""
        self._head = nn.Linear(width, int(confound.max()) + 1)
        self.heads: nn.Module = nn.ModuleDict({"confound": self._head})
        self._confound = torch.from_numpy(confound.astype("int64")).masked_fill(
            torch.from_numpy(~known.known), _UNKNOWN
        )
        self._weight = weight

    def __call__(self, model: PreTrainedModel, batch: Batch, rows: Rows) -> tuple[Tensor, Tensor | None, Tensor]:
        """Losses [B], the head's losses [B], logits [B, C]."""
        read: list[Tensor] = []
        hook = last_linear(model).register_forward_pre_hook(lambda _, args: read.append(args[0]))
        try:
            logits = _logits(model, batch)
        finally:
            hook.remove()
        guessed = self._head(reversed_gradient(read[0], self._weight))  # [B, values]
        target = self._confound[torch.from_numpy(rows)].to(guessed.device)  # [B]
        lost = F.cross_entropy(_precise(guessed), target, reduction="none", ignore_index=_UNKNOWN)  # [B]
        return F.cross_entropy(logits, batch["labels"], reduction="none"), lost, logits


_UNKNOWN = -100


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, at_x: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * at_x, None


_reversal: Callable[[Tensor, float], Tensor] = _Reversal.apply


def reversed_gradient(x: Tensor, weight: float) -> Tensor:
    """x itself, whose gradient comes back multiplied by −weight."""
    return _reversal(x, weight)


def last_linear(model: PreTrainedModel) -> nn.Linear:
    """The layer that makes the logits: the last linear one, with as many outputs as there are labels.

    Raises:
        UserError: the model does not end in one.
    """
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linear or linear[-1].out_features != int(model.config.num_labels):
        raise UserError("Adversarial training needs a classifier that ends in a linear layer.")
    return linear[-1]


def make_objective(
    config: TrainConfig, model: PreTrainedModel | None = None, confound: Codes | None = None, known: Known | None = None
) -> Objective:
    """The objective of a run's method. Only `adversarial` needs the model, the confound codes [N] and what is known."""
    if config.method != "adversarial":
        return Finetune()
    assert model is not None
    assert confound is not None
    assert known is not None
    objective = Adversarial(confound, known, last_linear(model).in_features, config.adversarial_weight)
    objective.heads.to(model.device)
    return objective


def _logits(model: PreTrainedModel, batch: Batch) -> Tensor:
    """[B, C], at least in float32."""
    return _precise(model(**{name: tensor for name, tensor in batch.items() if name != "labels"}).logits)


def _precise(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
