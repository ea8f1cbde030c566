"""Gradient cosines of chosen pairs that can themselves be differentiated: what influence tuning descends on."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from core.influence.batch import TOGETHER, Batch, alike, cut
from core.influence.conditions import evaluation, exact_arithmetic
from core.influence.coverage import cover
from core.influence.errors import NonFiniteGradientError, ZeroGradientError
from core.influence.gradients.couples import Couples
from core.influence.record import gradients


def pair_cosines(
    model: nn.Module,
    batch: Batch,
    left: Sequence[int] | Tensor,
    right: Sequence[int] | Tensor,
    *,
    create_graph: bool = False,
    parameters: Iterable[str] | None = None,
    tf32: bool = False,
) -> Tensor:
    """`cos(∇θ L(z_left(k)), ∇θ L(z_right(k)))` for K pairs of examples of one batch.

    With `create_graph` the result is a function of θ whose gradient is exact: for g_i = ∇θ L(z_i) and Hessians H_i,

        ∇θ cos(g_i, g_j) = H_i (g_j/(|g_i||g_j|) − cos · g_i/|g_i|²) + H_j (g_i/(|g_i||g_j|) − cos · g_j/|g_j|²),

    the paper's p + q − r − s. No Hessian-vector product is taken: the cosines are formed from layer inputs and
    output-gradients, so one ordinary backward pass of any function of them gives its θ-gradient. Every call holds the
    whole batch's graph in memory, so the caller chooses how many tuples to treat at once.

    Args:
        model: a transformers sequence classifier, or any module that `core.influence.layers` covers.
        batch: tokenised examples with `labels`; an example needed in several pairs is given once.
        left, right: rows of the batch, K each.
        create_graph: make the result differentiable with respect to θ.
        parameters: restrict the gradients whose cosine is taken to these names; θ, in the derivative, stays whole.
        tf32: let a GPU use TF32 products.

    Returns:
        `[K]`, on the model's device and in its dtype.

    Raises:
        ZeroGradientError, NonFiniteGradientError: naming the row of the batch.

    Source: Han & Tsvetkov 2021, §3 and appendix.
    """
    coverage = cover(model, parameters)
    device = next(model.parameters()).device
    groups = alike(batch, TOGETHER[device.type])
    couples = Couples(torch.as_tensor(left).tolist(), torch.as_tensor(right).tolist(), groups, device)
    with evaluation(model), exact_arithmetic(model, tf32=tf32, twice=create_graph):
        parts = [gradients(model, cut(batch, rows), coverage, create_graph=create_graph) for rows in groups]
        first, *others = (part.by_parameter for part in parts)
        terms = [form.norms_and_products([other[name] for other in others], couples) for name, form in first.items()]
        squared = torch.stack([norms.double() for norms, _ in terms]).sum(0)  # [B]
        products = torch.stack([products.double() for _, products in terms]).sum(0)  # [K]
    _check(squared.detach(), torch.cat([part.scale.detach() for part in parts])[couples.place])
    cosines = products / (squared[couples.left] * squared[couples.right]).sqrt()  # [K]
    return cosines.to(next(model.parameters()).dtype)


def _check(squared: Tensor, scale: Tensor) -> None:
    if not bool(squared.isfinite().all()):
        row = int((~squared.isfinite()).nonzero()[0])
        raise NonFiniteGradientError(
            f"Row {row} of the batch: its gradient is not finite. Take an earlier checkpoint or a lower learning rate."
        )
    zero = ((squared == 0) | (scale == 0)).nonzero()
    if len(zero):
        raise ZeroGradientError(
            f"Row {int(zero[0])} of the batch: its gradient is exactly zero, so its cosine is undefined. Leave it out."
        )
