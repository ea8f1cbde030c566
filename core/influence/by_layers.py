"""Cosine influence by layer, summed over groups of training examples while they stream: never an `[L, N, P]` in memory."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.influence.engine import Piece


class LayerSums:
    """Sums of the influence on P probes over G groups of training examples, for each of L layers.

    A cosine of whole gradients is the sum of its layers' shares `⟨g_n^l, g_p^l⟩ / (|g_n| |g_p|)`, so a difference of
    group means splits exactly over layers. Beside them stand the cosines within the layers, `⟨g_n^l, g_p^l⟩ /
    (|g_n^l| |g_p^l|)`, which say how a layer alone sees the pair. Where a layer's gradient is zero, so is its cosine.

    Give `add` to `cosine_scores` as `watch`.

    Args:
        group: each training example's group, 0 … G − 1, in the order of the stream, `[N]`.
        groups: G.
        own: each probe's own place in the stream, −1 where it is none of the examples, `[P]`; a probe is left out of
            its own sums.

    Attributes:
        shares, within: sums by layer, group and probe, `[L, G, P]`, in float64; None before the first chunk.
    """

    def __init__(self, group: Sequence[int], groups: int, own: Sequence[int]) -> None:
        self._group = torch.as_tensor(group, dtype=torch.int64)  # [N]
        self._groups = groups
        self._own = torch.as_tensor(own, dtype=torch.int64)  # [P]
        self.shares: Tensor | None = None
        self.within: Tensor | None = None

    def add(self, piece: Piece) -> None:
        """Add a chunk of n examples and some of the probes."""
        layers, n, p = piece.pairs.shape
        if self.shares is None or self.within is None:
            self.shares = piece.pairs.new_zeros(layers, self._groups, len(self._own))
            self.within = torch.zeros_like(self.shares)
        columns = slice(piece.first_probe, piece.first_probe + p)
        rows = torch.arange(piece.first, piece.first + n)  # [n]
        others = (rows.unsqueeze(1) != self._own[columns]).to(piece.pairs.dtype)  # [n, P]
        members = torch.arange(self._groups).unsqueeze(1) == self._group[rows]  # [G, n]
        members = members.to(piece.pairs.dtype)
        whole = _cosines(piece.pairs, piece.train.sum(0, keepdim=True), piece.probes.sum(0, keepdim=True))
        self.shares[:, :, columns] += members @ (whole * others)
        self.within[:, :, columns] += members @ (_cosines(piece.pairs, piece.train, piece.probes) * others)


def _cosines(pairs: Tensor, train: Tensor, probes: Tensor) -> Tensor:
    """`pairs` [L, n, P] over the roots of the squared norms `[·, n]` and `[·, P]`; 0 where one of them is zero."""
    lengths = train.sqrt().unsqueeze(2) * probes.sqrt().unsqueeze(1)  # [·, n, P]
    return torch.where(lengths > 0, pairs / lengths.clamp(min=torch.finfo(pairs.dtype).tiny), 0.0)
