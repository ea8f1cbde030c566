"""Random choices that are the same on every machine and Python version."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

Item = TypeVar("Item")


_MASK = (1 << 64) - 1


class Draw:
    """Choices from a seed by SplitMix64 (Steele, Lea & Flood 2014): whole-number arithmetic, so nothing can change it."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK
        self._normal = NormalDist()

    def _uniform(self) -> float:
        """A number in [0, 1) with 53 random bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((z ^ (z >> 31)) >> 11) / (1 << 53)

    def number(self, below: int) -> int:
        """A whole number from 0 up to, but not including, `below`."""
        return int(self._uniform() * below)

    def one_of(self, items: Sequence[Item]) -> Item:
        return items[self.number(len(items))]

    def chance(self, probability: float) -> bool:
        return self._uniform() < probability

    def normal(self, mean: float, sd: float) -> float:
        return mean + sd * self._normal.inv_cdf(min(max(self._uniform(), 1e-12), 1 - 1e-12))

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """A new list in random order (Fisher-Yates)."""
        mixed = list(items)
        for last in range(len(mixed) - 1, 0, -1):
            other = self.number(last + 1)
            mixed[last], mixed[other] = mixed[other], mixed[last]
        return mixed
