"""Embedding influence: how alike the vectors are that the model's last layer reads."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from core.influence.batch import Batch, size
from core.influence.conditions import evaluation
from core.influence.engine import Progress
from core.influence.errors import InfluenceError, NonFiniteGradientError, ZeroGradientError


def embedding_scores(
    model: nn.Module, train: Iterable[Batch], probes: Iterable[Batch], *, progress: Progress | None = None
) -> Tensor:
    """`cos(h_n, h_p)` of every training example and every probe, h being what the last linear layer reads.

    For a pair of one label this is the gradient cosine restricted to the true label's row of that layer: the row's
    gradient is `(p_y − 1) h`, so its direction is that of −h.

    Args:
        model: a transformers sequence classifier; it comes back in the mode it was in.
        train, probes: tokenised batches.
        progress: called with (done, total) training examples; total is None for a stream.

    Returns:
        `[N, P]` in [-1, 1], on the CPU, in the model's dtype.

    Raises:
        InfluenceError: no example, no probe, or no linear layer that gives the logits.
        ZeroGradientError, NonFiniteGradientError: a vector is zero, or holds NaN or infinity.

    Source: Han & Tsvetkov 2021, §4.1.
    """
    held = list(probes)
    if not held:
        raise InfluenceError("There are no probes to score against.")
    total = sum(map(size, train)) if isinstance(train, Sequence) else None
    parts: list[Tensor] = []
    with evaluation(model), torch.inference_mode():
        directions = torch.cat([_directions(model, batch, "Probe", 0) for batch in held])  # [P, H]
        done = 0
        for batch in train:
            parts.append((_directions(model, batch, "Example", done) @ directions.T).cpu())  # [B, P]
            done += size(batch)
            if progress:
                progress(done, total)
    if not parts:
        raise InfluenceError("There are no examples to score.")
    return torch.cat(parts).clone()  # [N, P]


def _directions(model: nn.Module, batch: Batch, what: str, first: int) -> Tensor:
    """`h / |h|` of a batch, `[B, H]`."""
    vectors = read_by_last_layer(model, batch)  # [B, H]
    norms = vectors.norm(dim=1, keepdim=True)  # [B, 1]
    for row, norm in enumerate(norms.flatten().tolist()):
        if norm == 0:
            raise ZeroGradientError(f"{what} {first + row} has an embedding of length zero, so its cosine is undefined.")
        if not norm < float("inf"):
            raise NonFiniteGradientError(f"{what} {first + row} has an embedding that holds NaN or infinity.")
    return vectors / norms


def read_by_last_layer(model: nn.Module, batch: Batch) -> Tensor:
    """What the linear layer that gives the logits reads, `[B, H]`; part of the graph where one is recorded.

    Raises:
        InfluenceError: the logits do not come from a linear layer.
    """
    calls: list[tuple[Tensor, Tensor]] = []
    hooks = [
        module.register_forward_hook(lambda _module, args, output: calls.append((args[0], output)))
        for module in model.modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        logits = model(**{name: tensor for name, tensor in batch.items() if name != "labels"}).logits
    finally:
        for hook in hooks:
            hook.remove()
    for read, output in reversed(calls):
        if output.data_ptr() == logits.data_ptr():
            return read
    raise InfluenceError("The logits of this model do not come from a linear layer, so it has no embedding influence.")
