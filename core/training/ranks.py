"""The processes that do one run together, each on a device of its own; most often there is but one.

The trainer is written once, from the view of one rank: it takes its `share` of what is to be done, `sum`s or `gather`s what
the ranks have found, and lets the `first` rank decide and write. With one rank each of these gives back what it got.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.training.batching import Rows

T = TypeVar("T")
Shared = TypeVar("Shared", Rows, Sequence[Any])
Number = TypeVar("Number", float, Tensor)


class Ranks:
    """One process, alone: the case of one device.

    Everything but `share` has to be called by all ranks, in the same order, as often as the others do.

    Attributes:
        rank: the place of this process among them, from 0; size: how many there are.
    """

    rank = 0
    size = 1

    def share(self, all_of_it: Shared) -> Shared:
        """This rank's part: every `size`-th from its own place. It may be empty."""
        return all_of_it

    def first(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work(*arguments)` gives where the first rank does it; the others wait for it and do not. So do errors."""
        return work(*arguments)

    def together(self, work: Callable[..., T], *arguments: Any) -> T:
        """`work(*arguments)` by every rank for itself; where it fails for one, its error is raised by all.

        So all ranks halve their micro-batches when memory runs out on one. `work` must not call on the others.
        """
        return work(*arguments)

    def gather(self, value: T) -> list[T]:
        """Every rank's value, in their order."""
        return [value]

    def sum(self, *values: Number) -> tuple[Number, ...]:
        """Each of the values (floats or [], all of one kind), summed over the ranks."""
        return values

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every rank the sum of the ranks' gradients, bit for bit the same."""

    def part_random_numbers(self, seed: int) -> None:
        """From here on each rank has random numbers of its own (dropout); those of the first stay as they are."""

    def title(self, device: str) -> str:
        """The devices of the run in words, `device` being the name of this rank's."""
        return device if self.size == 1 else f"{self.size} × {device}"

    def rows(self, parts: Sequence[Rows], compute: Callable[[Sequence[Rows]], NDArray[Any]]) -> NDArray[Any]:
        """What `compute` finds for each of N rows, [N, …], where each rank does its share of the parts.

        Args:
            parts: batches of row numbers, which hold each of 0 … N − 1 once.
            compute: takes some of the parts and gives as many rows of results, in their order.
        """

        def mine() -> NDArray[Any] | None:
            share = self.share(parts)
            return compute(share) if share else None

        found = {rank: part for rank, part in enumerate(self.gather(self.together(mine))) if part is not None}
        some = found[0]  # there is at least one part, and the first rank has it
        whole = np.empty((sum(map(len, parts)), *some.shape[1:]), dtype=some.dtype)  # [N, …]
        for rank, part in found.items():
            whole[np.concatenate(parts[rank :: self.size])] = part
        return whole


def buckets(tensors: Sequence[Tensor], most: int) -> Iterable[list[Tensor]]:
    """The tensors in order, in groups of at most `most` elements, or of one tensor that is larger."""
    group: list[Tensor] = []
    for tensor in tensors:
        if group and sum(map(torch.numel, group)) + tensor.numel() > most:
            yield group
            group = []
        group.append(tensor)
    if group:
        yield group
