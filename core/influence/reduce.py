"""From gradients by parameter to sums by layer: squared norms, products with probes, and whether they are sound."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.influence.coverage import Coverage
from core.influence.errors import NonFiniteGradientError
from core.influence.gradients.buffers import Buffers
from core.influence.gradients.form import Bank
from core.influence.record import Recorded


class Probes:
    """The gradients of P probes, held for many products.

    Args:
        coverage: the parameters that count, and their layers.
        count: P, to lay memory out once.
        buffers: memory for blocks.
    """

    def __init__(self, coverage: Coverage, count: int, buffers: Buffers) -> None:
        self._coverage = coverage
        self._count = count
        self._buffers = buffers
        self._banks: dict[str, Bank] = {}
        self._scales: list[Tensor] = []
        self._norms: list[Tensor] = []

    @property
    def norms(self) -> Tensor:
        """Squared norms by layer, `[L, P]`, on the CPU in float64."""
        return torch.cat(self._norms, 1)

    def add(self, found: Recorded, first: int) -> None:
        """Append the next probes; `first` is the number of the first of them, for messages."""
        norms = squared_norms(found, self._coverage)
        check_finite(norms, self._coverage.layers, "Probe", first + sum(len(scale) for scale in self._scales))
        self._norms.append(norms)
        self._scales.append(found.scale)
        for name, gradient in found.by_parameter.items():
            if name not in self._banks:
                self._banks[name] = gradient.bank(self._count)
            self._banks[name].add(gradient, self._buffers)

    def products(self, found: Recorded) -> Tensor:
        """`⟨g_i, g_p⟩` by layer, `[L, B, P]`, on the CPU in float64."""
        scale = torch.cat(self._scales) if self._scales else found.scale.new_empty(0)  # [P]
        sums = scale.new_zeros(len(self._coverage.layers), len(found.scale), len(scale))  # [L, B, P]
        for name, gradient in found.by_parameter.items():
            if name in self._banks:
                sums[self._coverage.layer_of[name]] += self._banks[name].products(gradient, self._buffers)
        return (sums * (found.scale.unsqueeze(1) * scale)).cpu()


def squared_norms(found: Recorded, coverage: Coverage) -> Tensor:
    """`|g_i|²` by layer, `[L, B]`, on the CPU.

    Sums over parameters are kept in float64: float32 norms of very long vectors drift by percents.
    """
    sums = found.scale.new_zeros(len(coverage.layers), len(found.scale))  # [L, B]
    for name, gradient in found.by_parameter.items():
        sums[coverage.layer_of[name]] += gradient.squared_norms()
    return (sums * found.scale.square()).cpu()


def check_finite(norms: Tensor, layers: Sequence[str], kind: str, first: int) -> None:
    """Refuse gradients that hold NaN or infinity.

    Args:
        norms: squared norms by layer, `[L, B]`.
        layers: their names.
        kind: what an example is called in the message.
        first: the number of the first example.

    Raises:
        NonFiniteGradientError: naming the first such example, and the layer nearest to the input.
    """
    bad = (~norms.isfinite()).T.nonzero()  # [·, 2]
    if len(bad):
        example, layer = map(int, bad[0])
        raise NonFiniteGradientError(
            f"{kind} {first + example}: its gradient in {layers[layer]} is not finite (NaN or infinity). "
            "The model has diverged: take an earlier checkpoint or a lower learning rate."
        )
