"""What every form of per-example gradient can do.

A form holds the gradients `g_i` of B examples with respect to one parameter, in whatever factors make inner products
cheap. Everything is exact.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from core.influence.gradients.buffers import Buffers
from core.influence.gradients.couples import Couples


class Gradient(ABC):
    """Gradients of B examples with respect to one parameter."""

    @property
    @abstractmethod
    def batch(self) -> int:
        """B, the number of examples."""

    @abstractmethod
    def merge(self, other: "Gradient") -> "Gradient":
        """The sum of two gradients of one parameter: a module that is called twice has one gradient."""

    @abstractmethod
    def squared_norms(self) -> Tensor:
        """`⟨g_i, g_i⟩`, `[B]`."""

    @abstractmethod
    def norms_and_products(self, others: "Sequence[Gradient]", couples: Couples) -> tuple[Tensor, Tensor]:
        """`⟨g_i, g_i⟩`, `[B]`, and `⟨g_left(k), g_right(k)⟩` of K pairs, `[K]`; differentiable.

        The batch's examples are these (its first part) and those of `others` (its further parts).
        """

    @abstractmethod
    def bank(self, probes: int) -> "Bank":
        """An empty store for gradients of this parameter, of `probes` probes, the first of them about this size."""


class Bank(ABC):
    """The probes' gradients with respect to one parameter, laid out for many products with them."""

    @abstractmethod
    def add(self, gradient: Gradient, buffers: Buffers) -> None:
        """Append the next probes."""

    @abstractmethod
    def products(self, gradient: Gradient, buffers: Buffers) -> Tensor:
        """`⟨g_i, g_p⟩` with all P probes, `[B, P]`."""
