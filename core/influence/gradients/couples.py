"""Which examples of a batch are multiplied with which, and where their tokens lie.

A batch is run in parts of like length; part g holds B_g examples of T_g tokens each, `[B_g·T_g, …]` when laid end to end.
The partners of one example (in tuning: A and B of a probe) that stand side by side in a part are read in one piece, so no
copy is made and the padding of one part is not multiplied with that of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Where = slice | Tensor
"""Tokens of a part: a piece of it, or their numbers."""


@dataclass(frozen=True)
class Meeting:
    """One right-hand example, the anchor, and those of its partners that are in one part.

    Attributes:
        home: the anchor's part.
        tokens: its S tokens there.
        part: the partners' part.
        partners: their M tokens there, one partner after another.
        pairs: `[M]`, the pair (0 … K−1) that each of the partners' tokens belongs to.
    """

    home: int
    tokens: slice
    part: int
    partners: Where
    pairs: Tensor


class Couples:
    """K pairs of rows of a batch that is run in parts.

    Args:
        left, right: rows of the batch, K each.
        parts: the rows of each part.
        device: where the products are taken.

    Attributes:
        left, right: `[K]`.
        place: `[B]`, where each row of the batch stands when the parts are laid end to end.
    """

    def __init__(
        self, left: Sequence[int], right: Sequence[int], parts: Sequence[Sequence[int]], device: torch.device
    ) -> None:
        self.left = torch.as_tensor(left, device=device)
        self.right = torch.as_tensor(right, device=device)
        self.place = torch.as_tensor([row for part in parts for row in part]).argsort().to(device)
        self._device = device
        self._spot = {row: (g, k) for g, part in enumerate(parts) for k, row in enumerate(part)}
        self._pairs: dict[tuple[int, int], list[tuple[int, int]]] = {}  # (anchor, part) → [(place in the part, pair)]
        for pair, (row, anchor) in enumerate(zip(left, right, strict=True)):
            g, k = self._spot[row]
            self._pairs.setdefault((anchor, g), []).append((k, pair))
        self._meetings: dict[tuple[int, ...], list[Meeting]] = {}
        self._owners: dict[torch.dtype, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        """K."""
        return len(self.left)

    @property
    def places(self) -> tuple[Tensor, Tensor]:
        """Where each pair's left and right row stand when the parts are laid end to end, `[K]` each."""
        return self.place[self.left], self.place[self.right]

    def owners(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Matrices `[B, K]` that sum over pairs into their left, and into their right rows, at their places.

        Made once for every dtype. Unlike an indexed sum on a GPU, a product with them adds in a fixed order.
        """
        if dtype not in self._owners:
            pairs = torch.arange(len(self), device=self._device)
            made = [torch.zeros(len(self.place), len(self), dtype=dtype, device=self._device) for _ in range(2)]
            for owner, place in zip(made, self.places, strict=True):
                owner[place, pairs] = 1.0
            self._owners[dtype] = (made[0], made[1])
        return self._owners[dtype]

    def meetings(self, tokens: Sequence[int]) -> list[Meeting]:
        """Who meets whom where, if part g has `tokens[g]` tokens an example. Made once for every such list."""
        key = tuple(tokens)
        if key not in self._meetings:
            self._meetings[key] = [self._meeting(anchor, g, met, key) for (anchor, g), met in self._pairs.items()]
        return self._meetings[key]

    def _meeting(self, anchor: int, part: int, met: list[tuple[int, int]], tokens: tuple[int, ...]) -> Meeting:
        home, k = self._spot[anchor]
        places = np.array([place for place, _ in met])  # [partners]
        numbers = (places[:, None] * tokens[part] + np.arange(tokens[part])).flatten()  # [M]
        side_by_side = bool((np.diff(places) == 1).all())
        return Meeting(
            home=home,
            tokens=slice(k * tokens[home], (k + 1) * tokens[home]),
            part=part,
            partners=slice(int(numbers[0]), int(numbers[-1]) + 1) if side_by_side else self._tensor(numbers),
            pairs=self._tensor(np.repeat([pair for _, pair in met], tokens[part])),
        )

    def _tensor(self, numbers: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(numbers).to(self._device)
