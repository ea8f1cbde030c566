"""Norms and products of sums of outer products from inner products of tokens, with the derivative written out.

For `G_i = Σ_t b_it ⊗ a_it` let `A_ij = a_i a_jᵀ` and `B_ij = b_i b_jᵀ` (`[T, T]`). Then `⟨G_i, G_j⟩ = Σ_ts A_ij ∘ B_ij`,
and its derivatives are `B_ij a_j` with respect to `a_i` and `A_ij b_j` with respect to `b_i`. Left to autograd, the same
takes twice the products and many times the passes over memory.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.influence.gradients.couples import Couples


class _TokenGrams(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, couples: Couples) -> tuple[Tensor, Tensor]:
        own_a, own_b = torch.bmm(a, a.mT), torch.bmm(b, b.mT)  # [B, T, T]
        pair_a, pair_b = couples.grams(a), couples.grams(b)  # [U, K/U·T, T]
        ctx.couples = couples
        ctx.save_for_backward(a, b, own_a, own_b, pair_a, pair_b)
        products = (pair_a * pair_b).view(len(couples.left), -1).sum(1)  # [K]
        return (own_a * own_b).sum((1, 2)), products

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, at_norms: Tensor, at_products: Tensor) -> tuple[Tensor, Tensor, None]:
        a, b, own_a, own_b, pair_a, pair_b = ctx.saved_tensors
        at_own = 2.0 * at_norms.view(-1, 1, 1)  # [B, 1, 1]
        at_pair = at_products.repeat_interleave(a.shape[1]).view(*pair_a.shape[:2], 1)  # [U, K/U·T, 1]
        to_a = ctx.couples.add_grams_gradient(torch.bmm(own_b * at_own, a), pair_b * at_pair, a)  # [B, T, in]
        to_b = ctx.couples.add_grams_gradient(torch.bmm(own_a * at_own, b), pair_a * at_pair, b)  # [B, T, out]
        return to_a, to_b, None


_token_grams: Callable[[Tensor, Tensor, Couples], tuple[Tensor, Tensor]] = _TokenGrams.apply


def norms_and_products(a: Tensor, b: Tensor, couples: Couples) -> tuple[Tensor, Tensor]:
    """`⟨G_i, G_i⟩` `[B]` and the products of K pairs `[K]`, differentiable once.

    Args:
        a: `[B, T, in]`.
        b: `[B, T, out]`.
        couples: the pairs.
    """
    return _token_grams(a, b, couples)
