"""The reference procedure, written anew from the formulas of Han & Tsvetkov 2021: one example at a time.

Scores: for each probe, one backward pass a training example, and the cosine of two flat vectors. Tuning: for each pair
four Hessian-vector products (p, q, r, s), each through a graph of its own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.training.batching import Batch


def gradient(model: nn.Module, example: Batch, *, create_graph: bool = False) -> Tensor:
    """`∇θ L` of one example, flat, `[D]`."""
    loss = model(**example).loss
    found = torch.autograd.grad(loss, list(model.parameters()), create_graph=create_graph)
    return torch.cat([g.flatten() for g in found])


def cosines(model: nn.Module, train: Sequence[Batch], probes: Sequence[Batch]) -> Tensor:
    """`[N, P]` from lists of single examples."""
    scores = torch.empty(len(train), len(probes))
    for p, probe in enumerate(probes):
        at_probe = gradient(model, probe)
        for n, example in enumerate(train):
            scores[n, p] = torch.cosine_similarity(gradient(model, example), at_probe, dim=0)
    return scores


def tuple_gradient(model: nn.Module, probe: Batch, same: Sequence[Batch], different: Sequence[Batch]) -> Tensor:
    """`∇θ (mean over A of cos − mean over B of cos)²`, flat, `[D]`: pair after pair."""
    total, difference = torch.zeros(()), 0.0
    for group, sign in ((same, 1.0), (different, -1.0)):
        for example in group:
            cosine, at_theta = pair_gradient(model, example, probe)
            total = total + at_theta * (sign / len(group))
            difference += sign * cosine / len(group)
    return 2.0 * difference * total


def pair_gradient(model: nn.Module, example: Batch, probe: Batch) -> tuple[float, Tensor]:
    """One pair's cosine, and its `∇θ` by p + q − r − s, flat, `[D]`."""
    g, g_probe = gradient(model, example), gradient(model, probe)
    norm, norm_probe, dot = g.norm(), g_probe.norm(), g @ g_probe
    p = _hvp(model, example, g_probe) / (norm * norm_probe)
    q = _hvp(model, probe, g) / (norm * norm_probe)
    r = _hvp(model, example, g) * dot / (norm**3 * norm_probe)
    s = _hvp(model, probe, g_probe) * dot / (norm * norm_probe**3)
    return float(dot / (norm * norm_probe)), p + q - r - s


def _hvp(model: nn.Module, example: Batch, vector: Tensor) -> Tensor:
    product = gradient(model, example, create_graph=True) @ vector
    found = torch.autograd.grad(product, list(model.parameters()), allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in found])
