"""A gradient that is a sum of outer products: the weight of every linear layer."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from core.influence.gradients.buffers import Buffers
from core.influence.gradients.couples import Couples
from core.influence.gradients.form import Bank, Gradient
from core.influence.gradients.token_grams import norms_and_products


@dataclass(frozen=True)
class Outer(Gradient):
    """Gradients `G_i = Σ_t b_it ⊗ a_it`, kept as their factors.

    `⟨G_i, G_j⟩ = Σ_{t,s} (a_it · a_js)(b_it · b_js)`: the token-Gram form, which never writes a matrix of the
    weight's size.

    Attributes:
        a: `[B, T, in]`, the layer's input.
        b: `[B, T, out]`, the loss's gradient with respect to the layer's output.
    """

    a: Tensor
    b: Tensor

    @classmethod
    def stacked(cls, parts: Sequence["Outer"]) -> "Outer":
        """Layers that read one input, as one layer: their matrices on top of each other."""
        return cls(parts[0].a, torch.cat([part.b for part in parts], 2)) if len(parts) > 1 else parts[0]

    def trimmed(self) -> "Outer":
        """Factors without the tokens that no example's loss depends on.

        Padding at the end, and in the last block everything after the classification token, have output-gradients
        of exactly zero for every θ: they add nothing to any product or derivative.
        """
        first, last = _live_range(self.b)
        return Outer(self.a[:, first:last], self.b[:, first:last])

    @property
    @override
    def batch(self) -> int:
        return self.a.shape[0]

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return self.a.shape[1], self.a.shape[2], self.b.shape[2]

    @override
    def merge(self, other: Gradient) -> Gradient:
        assert isinstance(other, Outer)
        return Outer(torch.cat([self.a, other.a], 1), torch.cat([self.b, other.b], 1))

    @override
    def squared_norms(self) -> Tensor:
        tokens, inner, outer = self._sizes
        if tokens * (inner + outer) > MATRIX_COST * inner * outer:
            return torch.bmm(self.b.mT, self.a).square().sum(2).double().sum(1)  # [B]
        return (torch.bmm(self.a, self.a.mT) * torch.bmm(self.b, self.b.mT)).sum((1, 2))  # [B]

    @override
    def norms_and_products(self, others: Sequence[Gradient], couples: Couples) -> tuple[Tensor, Tensor]:
        parts = [part for part in (self, *others) if isinstance(part, Outer)]
        batch, (_, inner, outer) = len(couples.place), self._sizes
        tokens = sum(part.a.shape[0] * part.a.shape[1] for part in parts) / batch
        grams = (batch + len(couples)) * tokens**2 * (inner + outer)
        if grams > MATRIX_COST * (batch * tokens + batch + len(couples)) * inner * outer:
            whole = torch.cat([torch.bmm(part.b.mT, part.a).flatten(1) for part in parts])[couples.place]  # [B, out·in]
            products = (whole[couples.left] * whole[couples.right]).sum(1, dtype=torch.float64)  # [K]
            return whole.square().sum(1, dtype=torch.float64), products
        return norms_and_products([part.a for part in parts], [part.b for part in parts], couples)

    @override
    def bank(self, probes: int) -> Bank:
        _, inner, outer = self._sizes
        tokens = int(live_tokens(self.b).sum()) / self.batch
        return FactorBank() if factors_are_cheaper(inner, outer, tokens, probes) else MatrixBank(probes)


MATRIX_COST = 2.5
"""What a multiply-add costs in the products that build and read whole matrices, against one in plain large products:
these run from the cache, those wait for memory."""

BLOCK = {"cpu": 24 * 2**20, "cuda": 256 * 2**20}
"""Bytes of a block of intermediate products: large enough for fast products, small enough for the cache."""


LONGEST_SUM = 2**17
"""Terms summed in the model's precision before float64 takes over."""


def factors_are_cheaper(inner: int, outer: int, tokens: float, probes: int) -> bool:
    """Whether P probes of T tokens are better kept as factors than as matrices.

    Multiply-adds per training example of as many tokens: T²·(in + out)·P against (T + P)·in·out.
    """
    return tokens**2 * (inner + outer) * probes < MATRIX_COST * (tokens + probes) * inner * outer


def bank_size(inner: int, outer: int, tokens: int, probes: int) -> int:
    """Numbers kept for one of P probes of T tokens."""
    return tokens * (inner + outer) if factors_are_cheaper(inner, outer, tokens, probes) else inner * outer


class FactorBank(Bank):
    """The probes' factors, the live tokens of all P one after another: `[M, in]` and `[M, out]`.

    Two large matrix products give every training token's `a·a` and `b·b` with every probe token; their elementwise
    product is summed over the training example's tokens and then over the probe's.
    """

    def __init__(self) -> None:
        self._a: list[Tensor] = []
        self._b: list[Tensor] = []
        self._owner: list[Tensor] = []
        self._probes = 0

    @override
    def add(self, gradient: Gradient, buffers: Buffers) -> None:
        assert isinstance(gradient, Outer)
        live = live_tokens(gradient.b)  # [n, S]
        self._a.append(gradient.a[live])  # [m, in]
        self._b.append(gradient.b[live])  # [m, out]
        self._owner.append(live.nonzero()[:, 0] + self._probes)  # [m]
        self._probes += gradient.batch

    @override
    def products(self, gradient: Gradient, buffers: Buffers) -> Tensor:
        assert isinstance(gradient, Outer)
        a, b, owner = (self._joined(parts) for parts in (self._a, self._b, self._owner))  # [M, in], [M, out], [M]
        batch, tokens = gradient.a.shape[:2]
        sums = a.new_empty(batch, len(a))  # [B, M]
        step = max(1, _block(a) // max(1, tokens * len(a)))
        for start in range(0, batch, step):
            examples = slice(start, start + step)
            n = sums[examples].shape[0]
            inner, outer = (buffers.take(kind, a, n * tokens, len(a)) for kind in ("inner", "outer"))  # [n·T, M]
            torch.mm(gradient.a[examples].reshape(n * tokens, -1), a.T, out=inner)
            torch.mm(gradient.b[examples].reshape(n * tokens, -1), b.T, out=outer)
            torch.sum(outer.mul_(inner).view(n, tokens, -1), 1, out=sums[examples])
        return sums.new_zeros(batch, self._probes).index_add_(1, owner, sums)  # [B, P]

    @staticmethod
    def _joined(parts: list[Tensor]) -> Tensor:
        if len(parts) > 1:
            parts[:] = [torch.cat(parts)]
        return parts[0]


class MatrixBank(Bank):
    """The probes' whole matrices, `[P, out, in]`: for many probes of many tokens.

    A training example's matrix is built a few output rows at a time, multiplied with all probes, and dropped while it
    is still in the cache: T·out·in multiply-adds to build, P·out·in to multiply. Sums over blocks are kept in float64:
    float32 products of very long vectors drift.
    """

    def __init__(self, probes: int) -> None:
        self._probes = probes
        self._filled = 0
        self._matrices: Tensor | None = None

    @override
    def add(self, gradient: Gradient, buffers: Buffers) -> None:
        assert isinstance(gradient, Outer)
        if self._matrices is None:
            self._matrices = gradient.a.new_empty(self._probes, gradient.b.shape[2], gradient.a.shape[2])
        rows = slice(self._filled, self._filled + gradient.batch)
        torch.bmm(gradient.b.mT, gradient.a, out=self._matrices[rows])  # [n, out, in]
        self._filled = rows.stop

    @override
    def products(self, gradient: Gradient, buffers: Buffers) -> Tensor:
        assert isinstance(gradient, Outer)
        assert self._matrices is not None
        a, b = gradient.a, gradient.b
        batch, inner = a.shape[0], a.shape[2]
        sums = a.new_zeros(batch, self._probes, dtype=torch.float64)
        step = max(1, min(_block(a) // batch, LONGEST_SUM) // inner)
        for start in range(0, b.shape[2], step):
            factors = b[:, :, start : start + step].mT  # [B, r, T]
            block = buffers.take("matrices", a, batch, factors.shape[1], inner)
            torch.bmm(factors, a, out=block)  # [B, r, in]
            sums += block.flatten(1) @ self._matrices[:, start : start + step].flatten(1).T  # [B, P]
        return sums


def live_tokens(b: Tensor) -> Tensor:
    """Which tokens of `b` `[B, T, out]` are not exactly zero, `[B, T]`."""
    lengths: Tensor = torch.linalg.vector_norm(b, dim=2)
    return lengths != 0


def _live_range(b: Tensor) -> tuple[int, int]:
    """Bounds of the tokens outside which `b` `[B, T, out]` is exactly zero for every example."""
    if bool((b[:, [0, -1], 0] != 0).any(0).all()):  # the usual case, told by two numbers an example
        return 0, b.shape[1]
    live = live_tokens(b).any(0).nonzero()  # [≤ T, 1]
    return (int(live[0]), int(live[-1]) + 1) if live.numel() else (0, 1)


def _block(x: Tensor) -> int:
    """Numbers in a block."""
    return BLOCK["cuda" if x.is_cuda else "cpu"] // x.element_size()
