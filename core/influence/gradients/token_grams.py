"""Norms and products of sums of outer products from inner products of tokens, with the derivative written out.

For `G_i = Σ_t b_it ⊗ a_it` let `A_ij = a_i a_jᵀ` and `B_ij = b_i b_jᵀ` (`[T_i, T_j]`). Then `⟨G_i, G_j⟩ = Σ_ts A_ij ∘ B_ij`,
and its derivatives are `B_ij a_j` with respect to `a_i` and `A_ij b_j` with respect to `b_i`. Left to autograd, the same
takes twice the products and many times the passes over memory, and memory is what this waits for.

On a CPU an example is multiplied with its partners where they lie. A GPU would wait for the many small calls that this
takes, so there all pairs are copied side by side and multiplied at once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from core.influence.gradients.couples import Couples, Meeting, Where


class _TokenGrams(torch.autograd.Function):
    """Squared norms in the order of the parts, `[B]`, and products `[K]`.

    `factors` are the parts' `a`, then their `b`. Where `a` holds row numbers, its gram is their equality.
    """

    @staticmethod
    def forward(ctx: Any, meetings: Sequence[Meeting], pairs: int, *factors: Tensor) -> tuple[Tensor, Tensor]:
        parts = len(factors) // 2
        own = [_gram(x, x) for x in factors]  # [B_g, T_g, T_g] each
        norms = torch.cat([(own[g] * own[parts + g]).sum((1, 2)) for g in range(parts)])
        flat = [x.flatten(0, 1) for x in factors]  # [B_g·T_g, ·] each
        products = flat[-1].new_zeros(pairs)
        across: list[Tensor] = []
        for m in meetings:
            in_a, in_b = (_gram(flat[k + m.part][m.partners], flat[k + m.home][m.tokens]) for k in (0, parts))
            products.index_add_(0, m.pairs, (in_a * in_b).sum(1))
            across += (in_a, in_b)  # [M, S] each
        ctx.meetings, ctx.parts = meetings, parts
        ctx.save_for_backward(*factors, *own, *across)
        return norms, products

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, at_norms: Tensor, at_products: Tensor) -> tuple[Tensor | None, ...]:
        parts = ctx.parts
        factors, rest = ctx.saved_tensors[: 2 * parts], ctx.saved_tensors[2 * parts :]
        own, across = rest[: 2 * parts], rest[2 * parts :]
        at_own = [2.0 * part.view(-1, 1, 1) for part in torch.split(at_norms, [len(x) for x in factors[:parts]])] * 2
        found = [
            torch.bmm(own[(k + parts) % len(own)] * at_own[k], x) if x.is_floating_point() else None
            for k, x in enumerate(factors)
        ]
        for number, m in enumerate(ctx.meetings):
            at_tokens = at_products[m.pairs].unsqueeze(1)  # [M, 1]
            for first, gram in ((0, across[2 * number + 1]), (parts, across[2 * number])):
                total, home = found[first + m.part], found[first + m.home]
                if total is not None and home is not None:
                    at_gram = gram * at_tokens  # [M, S]
                    partners, tokens = factors[first + m.part].flatten(0, 1), factors[first + m.home].flatten(0, 1)
                    _add(total.flatten(0, 1), m.partners, at_gram, tokens[m.tokens])
                    _add(home.flatten(0, 1), m.tokens, at_gram.T, partners[m.partners])
        return (None, None, *found)


_token_grams: Callable[..., tuple[Tensor, Tensor]] = _TokenGrams.apply


class _PairGrams(torch.autograd.Function):
    """Squared norms `[B]`, and products `[K]` of rows at `couples.places`, all pairs at once.

    `a` is `[B, T, in]`, or row numbers `[B, T]` whose gram is their equality; `b` is `[B, T, out]`.
    """

    @staticmethod
    def forward(ctx: Any, couples: Couples, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        own = [_gram(x, x) for x in (a, b)]  # [B, T, T] each
        products: list[Tensor] = []
        across: list[Tensor] = []
        for left, right, _ in _blocks(couples, a, b):
            in_a, in_b = (_gram(x[left], x[right]) for x in (a, b))  # [k, T, T]
            products.append((in_a * in_b).sum((1, 2)))
            across += (in_a, in_b)
        ctx.couples = couples
        ctx.save_for_backward(a, b, *own, *across)
        return (own[0] * own[1]).sum((1, 2)), torch.cat(products)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, at_norms: Tensor, at_products: Tensor) -> tuple[Tensor | None, ...]:
        a, b, *grams = ctx.saved_tensors
        own, across = grams[:2], grams[2:]
        found: list[Tensor | None] = []
        for k, x in enumerate((a, b)):
            if not x.is_floating_point():
                found.append(None)
                continue
            total = torch.bmm(own[1 - k] * (2.0 * at_norms.view(-1, 1, 1)), x)  # [B, T, ·]
            owners = ctx.couples.owners(x.dtype)
            for number, (left, right, pairs) in enumerate(_blocks(ctx.couples, a, b)):
                at_gram = across[2 * number + 1 - k] * at_products[pairs].view(-1, 1, 1)  # [k, T, T]
                total.flatten(1).addmm_(owners[0][:, pairs], torch.bmm(at_gram, x[right]).flatten(1))
                total.flatten(1).addmm_(owners[1][:, pairs], torch.bmm(at_gram.mT, x[left]).flatten(1))
            found.append(total)
        return (None, *found)


_pair_grams: Callable[..., tuple[Tensor, Tensor]] = _PairGrams.apply

AT_ONCE = {"cuda": 2**26}
"""Devices on which pairs are multiplied at once, and numbers that may be copied for that at a time."""


def _blocks(couples: Couples, a: Tensor, b: Tensor) -> list[tuple[Tensor, Tensor, slice]]:
    """Left and right places, `[k]` each, of so many pairs that a copy of their tokens stays small."""
    step = max(1, AT_ONCE[b.device.type] // max(a[0].numel(), b[0].numel()))
    left, right = couples.places
    pieces = [slice(start, start + step) for start in range(0, len(couples), step)]
    return [(left[piece], right[piece], piece) for piece in pieces]


def _side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Parts of B_g examples of T_g tokens as one, `[B, T, …]`; what is put in behind an example's tokens is zero."""
    if len(parts) == 1:
        return parts[0]
    tokens = max(part.shape[1] for part in parts)
    behind = [0, 0] * (parts[0].dim() - 2)
    return torch.cat([F.pad(part, (*behind, 0, tokens - part.shape[1])) for part in parts])


def norms_and_products(a: Sequence[Tensor], b: Sequence[Tensor], couples: Couples) -> tuple[Tensor, Tensor]:
    """`⟨G_i, G_i⟩` `[B]` and `⟨G_left(k), G_right(k)⟩` `[K]`, differentiable once.

    Args:
        a: of each part `[B_g, T_g, in]`; or, for rows of a table, whole numbers `[B_g, T_g]`: `A_ij` is then 1 where
            they are equal.
        b: of each part `[B_g, T_g, out]`.
        couples: the pairs.
    """
    if b[0].device.type in AT_ONCE:
        norms, products = _pair_grams(couples, _side_by_side(a), _side_by_side(b))
        return norms[couples.place], products
    meetings = couples.meetings([part.shape[1] for part in b])
    norms, products = _token_grams(meetings, len(couples), *a, *b)
    return norms[couples.place], products


def _gram(left: Tensor, right: Tensor) -> Tensor:
    """Inner products of tokens, `[…, M, S]`; of row numbers, whether they are the same."""
    return left @ right.mT if left.is_floating_point() else left.unsqueeze(-1) == right.unsqueeze(-2)


def _add(total: Tensor, where: Where, gram: Tensor, x: Tensor) -> None:
    """Add `gram @ x` to tokens of `total`, in place."""
    if isinstance(where, slice):
        total[where].addmm_(gram, x)
    else:
        total.index_add_(0, where, gram @ x)
