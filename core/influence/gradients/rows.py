"""A gradient that touches few rows of a long table: word and position embeddings."""

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
class Rows(Gradient):
    """Gradients as rows: `g_i` is the sum of `b_it` in row `ids_it`.

    `⟨g_i, g_j⟩ = Σ_{t,s} [ids_it = ids_js] b_it · b_js`.

    Attributes:
        ids: `[B, T]` row numbers.
        b: `[B, T, H]`.
    """

    ids: Tensor
    b: Tensor

    @property
    @override
    def batch(self) -> int:
        return self.ids.shape[0]

    @override
    def merge(self, other: Gradient) -> Gradient:
        assert isinstance(other, Rows)
        return Rows(torch.cat([self.ids, other.ids], 1), torch.cat([self.b, other.b], 1))

    @override
    def squared_norms(self) -> Tensor:
        same = self.ids.unsqueeze(2) == self.ids.unsqueeze(1)  # [B, T, T]
        return (torch.bmm(self.b, self.b.mT) * same).sum((1, 2))  # [B]

    @override
    def norms_and_products(self, others: Sequence[Gradient], couples: Couples) -> tuple[Tensor, Tensor]:
        parts = [part for part in (self, *others) if isinstance(part, Rows)]
        return norms_and_products([part.ids for part in parts], [part.b for part in parts], couples)

    @override
    def bank(self, probes: int) -> Bank:
        return RowsBank()


class RowsBank(Bank):
    """The probes' rows, over the U rows that any probe touches: `[P, U, H]`.

    A training example's other rows meet only zeros, so they enter its norm and nothing else.
    """

    def __init__(self) -> None:
        self._parts: list[Rows] = []
        self._rows: Tensor | None = None
        self._table: Tensor | None = None

    @override
    def add(self, gradient: Gradient, buffers: Buffers) -> None:
        assert isinstance(gradient, Rows)
        self._parts.append(gradient)

    @override
    def products(self, gradient: Gradient, buffers: Buffers) -> Tensor:
        assert isinstance(gradient, Rows)
        rows, table = self._built()
        return self._scattered(rows, gradient) @ table.T  # [B, P]

    def _built(self) -> tuple[Tensor, Tensor]:
        if self._rows is None or self._table is None:
            self._rows = torch.unique(torch.cat([part.ids.flatten() for part in self._parts]))  # [U], sorted
            self._table = torch.cat([self._scattered(self._rows, part) for part in self._parts])  # [P, (U+1)·H]
            self._parts = []
        return self._rows, self._table

    @staticmethod
    def _scattered(rows: Tensor, gradient: Rows) -> Tensor:
        """Sums by row; what falls into none of `rows` is dropped into a last one and zeroed."""
        slots = torch.searchsorted(rows, gradient.ids.contiguous()).clamp(max=rows.numel() - 1)  # [B, T]
        found = rows[slots] == gradient.ids  # [B, T]
        held = scatter(slots, gradient.b * found.unsqueeze(-1), rows.numel())  # [B, U, H]
        return held.flatten(1)


def scatter(ids: Tensor, b: Tensor, rows: int) -> Tensor:
    """Sum `b` `[B, T, H]` into its rows: `[B, rows, H]`."""
    batch, _, width = b.shape
    place = ids + torch.arange(batch, device=ids.device).unsqueeze(1) * rows  # [B, T]
    table = b.new_zeros(batch * rows, width)
    return table.index_add(0, place.flatten(), b.reshape(-1, width)).view(batch, rows, width)  # [B, rows, H]
