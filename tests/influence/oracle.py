"""The one oracle: a loop of single-example gradients over all parameters, with nothing clever in it."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from core.influence.batch import Batch


def single(batch: Batch, row: int) -> dict[str, Tensor]:
    """One example, its padding cut off."""
    tokens = int(batch["attention_mask"][row].sum())
    return {name: x[row : row + 1, :tokens] if x.dim() > 1 else x[row : row + 1] for name, x in batch.items()}


def examples(batches: Iterable[Batch]) -> list[dict[str, Tensor]]:
    """Every example of every batch, alone and unpadded."""
    return [single(batch, row) for batch in batches for row in range(len(batch["labels"]))]


def loss(model: nn.Module, example: Batch) -> Tensor:
    """Cross-entropy of one example."""
    logits = model(**{name: x for name, x in example.items() if name != "labels"}).logits
    return nn.functional.cross_entropy(logits, example["labels"])


def gradient(
    model: nn.Module, example: Batch, parameters: Sequence[str] | None = None, *, create_graph: bool = False
) -> Tensor:
    """`∇θ L` of one example as a flat vector, θ = all trainable parameters or those named."""
    theta = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameters is None or name in parameters)
    ]
    found = torch.autograd.grad(
        loss(model, example), theta, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )
    return torch.cat([g.flatten() for g in found])


def gradients(model: nn.Module, batches: Iterable[Batch], parameters: Sequence[str] | None = None) -> Tensor:
    """`[N, D]`."""
    model.eval()
    return torch.stack([gradient(model, example, parameters) for example in examples(batches)])


def cosines(
    model: nn.Module, train: Iterable[Batch], probes: Iterable[Batch], parameters: Sequence[str] | None = None
) -> Tensor:
    """`[N, P]`."""
    left, right = gradients(model, train, parameters), gradients(model, probes, parameters)
    return (left @ right.T) / (left.norm(dim=1, keepdim=True) * right.norm(dim=1))
