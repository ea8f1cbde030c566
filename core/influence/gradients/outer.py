"""A gradient that is a sum of outer products: the weight of every linear layer."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from core.influence.gradients.form import Bank, Gradient


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
    def of(cls, a: Tensor, b: Tensor) -> "Outer":
        """Factors without the tokens that no example's loss depends on.

        Padding at the end, and in the last block everything after the classification token, have output-gradients
        of exactly zero for every θ: they add nothing to any product or derivative.
        """
        first, last = _live_tokens(b)
        return cls(a[:, first:last], b[:, first:last])

    @property
    def batch(self) -> int:
        return self.a.shape[0]

    def merge(self, other: Gradient) -> Gradient:
        assert isinstance(other, Outer)
        return Outer(torch.cat([self.a, other.a], 1), torch.cat([self.b, other.b], 1))

    def squared_norms(self) -> Tensor:
        tokens, inner, outer = self.a.shape[1], self.a.shape[2], self.b.shape[2]
        if tokens * (inner + outer) > inner * outer:
            return torch.bmm(self.b.mT, self.a).square().sum((1, 2))  # [B]
        return (torch.bmm(self.a, self.a.mT) * torch.bmm(self.b, self.b.mT)).sum((1, 2))  # [B]

    def pair_products(self, left: Tensor, right: Tensor) -> Tensor:
        tokens, inner, outer = self.a.shape[1], self.a.shape[2], self.b.shape[2]
        if left.numel() * tokens**2 * (inner + outer) > (left.numel() + self.batch * tokens) * inner * outer:
            whole = torch.bmm(self.b.mT, self.a).flatten(1)  # [B, out·in]
            return (whole[left] * whole[right]).sum(1)  # [K]
        grams = torch.bmm(self.a[left], self.a[right].mT) * torch.bmm(self.b[left], self.b[right].mT)  # [K, T, T]
        return grams.sum((1, 2))  # [K]

    def bank(self, probes: int) -> Bank:
        factors = factors_are_cheaper(self.a.shape[2], self.b.shape[2], self.a.shape[1], probes)
        return FactorBank() if factors else MatrixBank(probes)


def factors_are_cheaper(inner: int, outer: int, tokens: int, probes: int) -> bool:
    """Whether P probes of T tokens are better kept as factors than as matrices.

    Multiply-adds per training example of as many tokens: T²·(in + out)·P against (T + P)·in·out.
    """
    return tokens**2 * (inner + outer) * probes < (tokens + probes) * inner * outer


def bank_size(inner: int, outer: int, tokens: int, probes: int) -> int:
    """Numbers kept for one of P probes of T tokens."""
    return tokens * (inner + outer) if factors_are_cheaper(inner, outer, tokens, probes) else inner * outer


class FactorBank(Bank):
    """The probes' factors, `[P, S, in]` and `[P, S, out]`: for few probes or few tokens."""

    def __init__(self) -> None:
        self._parts: list[Outer] = []

    def add(self, gradient: Gradient) -> None:
        assert isinstance(gradient, Outer)
        self._parts.append(gradient)

    def score(self, gradient: Gradient) -> tuple[Tensor, Tensor]:
        assert isinstance(gradient, Outer)
        if len(self._parts) > 1:
            longest = max(part.a.shape[1] for part in self._parts)
            a, b = (
                torch.cat([F.pad(x, (0, 0, 0, longest - x.shape[1])) for x in factors])
                for factors in ([part.a for part in self._parts], [part.b for part in self._parts])
            )
            self._parts = [Outer(a, b)]
        bank = self._parts[0]
        n, p = gradient.batch, bank.batch
        inner = gradient.a.flatten(0, 1) @ bank.a.flatten(0, 1).T  # [B·T, P·S]
        inner *= gradient.b.flatten(0, 1) @ bank.b.flatten(0, 1).T
        products = inner.view(n, gradient.a.shape[1], p, bank.a.shape[1]).sum((1, 3))  # [B, P]
        return products.double(), gradient.squared_norms().double()


class MatrixBank(Bank):
    """The probes' whole matrices, `[P, out, in]`: for many probes of many tokens.

    A training example's matrix is built a few output rows at a time, multiplied with all probes, and dropped while it
    is still in the cache: T·out·in multiply-adds to build, P·out·in to multiply. Sums over blocks are kept in float64,
    since float32 norms of very long vectors drift.
    """

    def __init__(self, probes: int) -> None:
        self._probes = probes
        self._filled = 0
        self._matrices: Tensor | None = None

    def add(self, gradient: Gradient) -> None:
        assert isinstance(gradient, Outer)
        if self._matrices is None:
            self._matrices = gradient.a.new_empty(self._probes, gradient.b.shape[2], gradient.a.shape[2])
        rows = slice(self._filled, self._filled + gradient.batch)
        torch.bmm(gradient.b.mT, gradient.a, out=self._matrices[rows])  # [n, out, in]
        self._filled = rows.stop

    def score(self, gradient: Gradient) -> tuple[Tensor, Tensor]:
        assert isinstance(gradient, Outer)
        assert self._matrices is not None
        a, b, bank = gradient.a, gradient.b, self._matrices[: self._filled]
        products = a.new_zeros(gradient.batch, bank.shape[0], dtype=torch.float64)
        norms = a.new_zeros(gradient.batch, dtype=torch.float64)
        step = _rows_per_block(a)
        for start in range(0, bank.shape[1], step):
            rows = slice(start, start + step)
            block = torch.bmm(b[:, :, rows].mT, a).flatten(1)  # [B, r·in]
            products += block @ bank[:, rows].flatten(1).T  # [B, P]
            norms += torch.linalg.vector_norm(block, dim=1).double().square()  # [B]
        return products, norms


def _rows_per_block(a: Tensor) -> int:
    """As many output rows as keep a block of B matrices inside the cache (on a GPU: a good matrix product's size)."""
    size = 12 * 2**20 if a.device.type == "cpu" else 256 * 2**20
    return max(1, size // (a.shape[0] * a.shape[2] * a.element_size()))


def _live_tokens(b: Tensor) -> tuple[int, int]:
    """Bounds of the tokens outside which `b` `[B, T, out]` is exactly zero for every example."""
    tokens = b.shape[1]
    if bool((b[:, [0, -1], 0] != 0).any(0).all()):  # the usual case, told by one number a token
        return 0, tokens
    live = (b != 0).any(2).any(0).nonzero()  # [≤ T, 1]
    return (int(live[0]), int(live[-1]) + 1) if live.numel() else (0, 1)
