"""Embedding influence: the cosine of the vectors that the classifier's last linear layer reads.

For two examples of one label it is exactly the gradient cosine restricted to the true label's row of that layer,
`∂L/∂W_y = (p_y − 1) h`, and it needs no backward pass.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.influence.batch import TOGETHER, Batch, alike, cut, size
from core.influence.conditions import evaluation, exact_arithmetic
from core.influence.engine import Progress
from core.influence.errors import InfluenceError, NonFiniteGradientError, ZeroGradientError


def representations(model: nn.Module, batch: Batch) -> Tensor:
    """The vectors h that the last linear layer reads, dropout off, differentiable.

    Args:
        model: a classifier whose logits come from an `nn.Linear`.
        batch: tokenised examples; `labels` are ignored.

    Returns:
        `[B, H]`, on the model's device.
    """
    read: list[Tensor] = []

    def keep(_module: nn.Module, args: tuple[Any, ...]) -> None:
        read.append(args[0])

    hooks = [module.register_forward_pre_hook(keep) for module in model.modules() if isinstance(module, nn.Linear)]
    device = next(model.parameters()).device
    try:
        with evaluation(model):
            model(**{name: x.to(device) for name, x in batch.items() if name != "labels"})
    finally:
        for hook in hooks:
            hook.remove()
    if not read or read[-1].dim() != 2:
        raise InfluenceError("Embedding influence needs a classifier that ends in a linear layer on one vector a text.")
    return read[-1]  # [B, H]


def embedding_scores(
    model: nn.Module,
    train: Iterable[Batch],
    probes: Iterable[Batch],
    *,
    memory: int | None = None,  # noqa: ARG001 - every estimator is told; vectors are small
    progress: Progress | None = None,
) -> Tensor:
    """`cos(h_n, h_p)` of every training example and every probe.

    Args:
        model: as for `representations`.
        train: tokenised batches, read once and in order.
        probes: tokenised batches.
        memory: not needed here.
        progress: called with (done, total) examples.

    Returns:
        `[N, P]` in [-1, 1], on the CPU.

    Raises:
        ZeroGradientError, NonFiniteGradientError: an example's vector is zero or not finite.

    Source: Han & Tsvetkov 2021, §4.1.
    """
    total = sum(map(size, train)) if isinstance(train, Sequence) else None
    with torch.no_grad(), exact_arithmetic(model):
        bank = torch.cat([_unit(representations(model, batch), "Probe", 0) for batch in probes])  # [P, H]
        scores: list[Tensor] = []
        done = 0
        for batch in train:
            scores.append((_unit(representations(model, batch), "Example", done) @ bank.T).cpu())
            done += size(batch)
            if progress:
                progress(done, total)
    return torch.cat(scores)


def pair_embedding_cosines(
    model: nn.Module, batch: Batch, left: Sequence[int] | Tensor, right: Sequence[int] | Tensor
) -> Tensor:
    """`cos(h_left(k), h_right(k))` for K pairs of examples of one batch, `[K]`, differentiable: what embedding tuning
    descends on."""
    groups = alike(batch, TOGETHER[next(model.parameters()).device.type])
    with exact_arithmetic(model):
        h = torch.cat([representations(model, cut(batch, rows)) for rows in groups])  # [B, H], in the groups' order
    place = torch.as_tensor([row for group in groups for row in group]).argsort()  # [B]
    rows_left, rows_right = (place[torch.as_tensor(rows).cpu()].to(h.device) for rows in (left, right))  # [K]
    return F.cosine_similarity(h[rows_left], h[rows_right])  # [K]


def _unit(h: Tensor, kind: str, first: int) -> Tensor:
    norms = h.norm(dim=1, keepdim=True)  # [B, 1]
    bad = ~norms.isfinite().flatten()
    if bool(bad.any()):
        raise NonFiniteGradientError(f"{kind} {first + int(bad.nonzero()[0])}: its embedding is not finite.")
    if bool((norms == 0).any()):
        raise ZeroGradientError(f"{kind} {first + int((norms == 0).nonzero()[0, 0])}: its embedding is exactly zero.")
    return h.div(norms)
