"""A gradient small enough to be written out: biases, layer-norm weights, short tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from core.influence.gradients.buffers import Buffers
from core.influence.gradients.couples import Couples
from core.influence.gradients.form import Bank, Gradient


@dataclass(frozen=True)
class Dense(Gradient):
    """Gradients as vectors.

    Attributes:
        g: `[B, D]`.
    """

    g: Tensor

    @property
    @override
    def batch(self) -> int:
        return self.g.shape[0]

    @override
    def merge(self, other: Gradient) -> Gradient:
        assert isinstance(other, Dense)
        return Dense(self.g + other.g)

    @override
    def squared_norms(self) -> Tensor:
        return self.g.square().sum(1)  # [B]

    @override
    def norms_and_products(self, others: Sequence[Gradient], couples: Couples) -> tuple[Tensor, Tensor]:
        g = torch.cat([part.g for part in (self, *others) if isinstance(part, Dense)])[couples.place]  # [B, D]
        return g.square().sum(1), (g[couples.left] * g[couples.right]).sum(1)  # [B], [K]

    @override
    def bank(self, probes: int) -> Bank:
        return DenseBank()


class DenseBank(Bank):
    """The probes' vectors, `[P, D]`."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []

    @override
    def add(self, gradient: Gradient, buffers: Buffers) -> None:
        assert isinstance(gradient, Dense)
        self._parts.append(gradient.g)

    @override
    def products(self, gradient: Gradient, buffers: Buffers) -> Tensor:
        assert isinstance(gradient, Dense)
        if len(self._parts) > 1:
            self._parts = [torch.cat(self._parts)]
        return gradient.g @ self._parts[0].T  # [B, P]
