"""Exact influence of N training examples on P probes, over all parameters, first order."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from core.influence.batch import Batch
from core.influence.engine import Engine, Progress, Watch
from core.influence.errors import ZeroGradientError


def cosine_scores(
    model: nn.Module,
    train: Iterable[Batch],
    probes: Iterable[Batch],
    *,
    by_layer: bool = False,
    parameters: Iterable[str] | None = None,
    memory: int | None = None,
    tf32: bool = False,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """Gradient cosine `cos(∇θ L(z_n), ∇θ L(z_p))` of every training example and every probe.

    L is the cross-entropy loss, θ all trainable parameters, gradients are taken in evaluation mode (no dropout); the
    model comes back in the mode it was in.

    Args:
        model: a transformers sequence classifier, or any module whose output has `logits` and whose parameters all
            have a rule in `core.influence.layers`.
        train: tokenised batches with `labels`, read once and in order; read several times if the probes do not fit
            in memory together. Texts of like length in a batch save time.
        probes: tokenised batches with `labels`.
        by_layer: keep the layers' shares apart: `⟨g_n, g_p⟩` over one layer's parameters, divided by the norms of the
            whole gradients, so that the shares sum to the cosine. `coverage.layer_names` names them.
        parameters: restrict θ to these names (of parameters, or of modules for everything below).
        memory: bytes to take at most beside the model and the result; by default the device is asked.
        tf32: let a GPU use TF32 products (cosines then err by about 1e-3).
        progress: called with (done, total) examples.
        watch: shown every chunk with its layers apart, as for `by_layers.LayerSums`; the scores stay the same.

    Returns:
        `[N, P]` in [-1, 1], or `[L, N, P]`; on the CPU, in the model's dtype.

    Raises:
        ZeroGradientError: an example's loss does not depend on θ, so that its cosine is undefined.
        NonFiniteGradientError: a gradient holds NaN or infinity.
        UnknownParameterError, UncoveredParameterError: see `coverage.cover`.
        MemoryLimitError: one example and one probe do not fit.

    Source: Han & Tsvetkov 2021, §2, after Barshan et al. 2020.
    """
    engine = Engine(
        model, by_layer=by_layer, parameters=parameters, memory=memory, tf32=tf32, progress=progress, watch=watch
    )
    found = engine.products(train, probes)
    train_norms = _norms(found.train, "Example")  # [N]
    probe_norms = _norms(found.probes, "Probe")  # [P]
    cosines = found.pairs / (train_norms.unsqueeze(1) * probe_norms)  # [L, N, P]
    return _like(model, cosines if by_layer else cosines.squeeze(0))


def product_scores(
    model: nn.Module,
    train: Iterable[Batch],
    probes: Iterable[Batch],
    *,
    by_layer: bool = False,
    parameters: Iterable[str] | None = None,
    memory: int | None = None,
    tf32: bool = False,
    progress: Progress | None = None,
) -> Tensor:
    """Gradient product `∇θ L(z_n) · ∇θ L(z_p)`: one checkpoint's term of TracInCP.

    Arguments, result and errors as for `cosine_scores`, but a zero gradient simply gives a product of zero.

    Source: Pruthi et al. 2020, *Estimating Training Data Influence by Tracing Gradient Descent*.
    """
    engine = Engine(model, by_layer=by_layer, parameters=parameters, memory=memory, tf32=tf32, progress=progress)
    products = engine.products(train, probes).pairs
    return _like(model, products if by_layer else products.squeeze(0))


def self_influence(
    model: nn.Module,
    examples: Iterable[Batch],
    *,
    by_layer: bool = False,
    parameters: Iterable[str] | None = None,
    memory: int | None = None,
    tf32: bool = False,
    progress: Progress | None = None,
) -> Tensor:
    """Self-influence `|∇θ L(z_n)|²`, the squared gradient norm: large for mislabelled and odd examples.

    Returns:
        `[N]`, or `[L, N]` whose layers sum to it; on the CPU, in the model's dtype.

    Source: Pruthi et al. 2020, §4.
    """
    engine = Engine(model, by_layer=by_layer, parameters=parameters, memory=memory, tf32=tf32, progress=progress)
    norms = engine.norms(examples)
    return _like(model, norms if by_layer else norms.sum(0))


def _norms(squared: Tensor, kind: str) -> Tensor:
    """Norms of whole gradients from their layers' squares, `[L, N]` → `[N]`."""
    norms = squared.sum(0).sqrt()
    zero = (norms == 0).nonzero()
    if len(zero):
        raise ZeroGradientError(
            f"{kind} {int(zero[0])}: its gradient is exactly zero, so its cosine with anything is undefined. "
            "The model is certain of its label to machine precision: leave it out, or score an earlier checkpoint."
        )
    return norms


def _like(model: nn.Module, scores: Tensor) -> Tensor:
    return scores.to(torch.float64 if next(model.parameters()).dtype == torch.float64 else torch.float32)
