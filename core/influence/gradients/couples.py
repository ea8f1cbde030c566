"""Which examples of a batch are multiplied with which, ordered so that what they share is read once."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Couples:
    """K pairs of rows of a batch, ordered by their right-hand row, the anchor (in tuning: the probe).

    Attributes:
        left: `[K]`.
        right: `[K]`, sorted.
        anchors: `[U]`, the different right-hand rows if each has equally many partners, else `right` itself.
        back: `[K]`, where each pair as given now stands.
    """

    left: Tensor
    right: Tensor
    anchors: Tensor
    back: Tensor

    @classmethod
    def of(cls, left: Tensor, right: Tensor) -> "Couples":
        """Order the pairs `(left_k, right_k)`, both `[K]`."""
        order = right.argsort(stable=True)  # [K]
        anchors, counts = torch.unique(right, return_counts=True)  # [U], [U]
        if not bool((counts == counts[0]).all()):
            anchors = right[order]
        return cls(left[order], right[order], anchors, order.argsort())

    def grams(self, x: Tensor) -> Tensor:
        """Inner products of all tokens of either example, the K/U partners of an anchor side by side.

        `x` `[B, T, H]` → `[U, K/U·T, T]`.
        """
        return torch.bmm(self._partners(x), x.index_select(0, self.anchors).mT)

    def add_grams_gradient(self, total: Tensor, at_grams: Tensor, x: Tensor) -> Tensor:
        """Add to `total` `[B, T, H]` what a gradient at `grams(x)` `[U, K/U·T, T]` means at `x`, in place."""
        to_partners = torch.bmm(at_grams, x.index_select(0, self.anchors))  # [U, K/U·T, H]
        total.index_add_(0, self.left, to_partners.view(-1, *x.shape[1:]))
        return total.index_add_(0, self.anchors, torch.bmm(at_grams.mT, self._partners(x)))

    def _partners(self, x: Tensor) -> Tensor:
        return x.index_select(0, self.left).view(len(self.anchors), -1, x.shape[2])  # [U, K/U·T, H]
