"""Tensors that belong to the batch as a whole, and how each example still gets its own gradient of them.

Relative-position parameters (MPNet's bias table, DeBERTa's relative embeddings and what projects them) are computed
once per batch and only then repeated for its examples. Their gradient comes out summed over the batch. The repeat is
the place where examples part: the gradient of the repeated tensor still has one slice an example. `SharedTensors`
finds these places while the model runs, and `per_example` carries each slice back to the parameters, all examples at
once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from core.influence.errors import UncoveredParameterError


@dataclass(frozen=True)
class Junction:
    """Where a shared tensor is repeated for the examples.

    Attributes:
        shared: `[R, …]`, the same for the whole batch.
        repeated: `[B·R, …]`, example by example.
    """

    shared: Tensor
    repeated: Tensor


class SharedTensors(TorchFunctionMode):
    """Follows shared tensors through a forward pass of B examples and notes their junctions.

    Attributes:
        junctions: every place where a shared tensor is repeated B times along its first axis.
        direct: parameters used as plain tensors, outside their layer's own call.
    """

    def __init__(self, batch: int, names: dict[int, str], chosen: frozenset[str]) -> None:
        super().__init__()
        self.junctions: list[Junction] = []
        self.direct: dict[str, nn.Parameter] = {}
        self.inside_layers = 0
        self._batch = batch
        self._names = names
        self._chosen = chosen
        self._origin: dict[int, tuple[Tensor, frozenset[str]]] = {}

    def add(self, output: Tensor, names: frozenset[str]) -> None:
        """Declare a layer's output shared; `names` are the parameters that it came from."""
        self._origin[id(output)] = (output, names)

    def origin(self, tensor: Tensor) -> frozenset[str] | None:
        """The parameters that a shared tensor came from, itself included; None for an example's own."""
        if isinstance(tensor, nn.Parameter) and id(tensor) in self._names:
            name = self._names[id(tensor)]
            if name in self._chosen:
                self.direct[name] = tensor
            return frozenset([name])
        known = self._origin.get(id(tensor))
        return known[1] if known else None

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if self.inside_layers or not isinstance(out, Tensor) or not out.is_floating_point():
            return out
        tensors = list(_tensors((*args, *(kwargs or {}).values())))
        names = self._origins(tensors)
        if names is None:
            return out
        if func in (Tensor.expand, Tensor.repeat, torch.Tensor.expand_as) and self._repeats(tensors[0], out):
            if names & self._chosen and out.requires_grad:
                self.junctions.append(Junction(tensors[0], out))
            return out
        own = [x for x in tensors if x.dim() and x.is_floating_point() and self.origin(x) is None]
        if own and names & self._chosen and out.requires_grad:
            raise UncoveredParameterError(
                f"{', '.join(sorted(names & self._chosen))}: used by the whole batch at once, in {func.__name__}, in a "
                "way that leaves no gradient per example. Exclude it with parameters=[…] or pass examples one by one."
            )
        if not own:
            self.add(out, names)
        return out

    def _origins(self, tensors: Sequence[Tensor]) -> frozenset[str] | None:
        found = [names for x in tensors if (names := self.origin(x)) is not None]
        return frozenset().union(*found) if found else None

    def _repeats(self, shared: Tensor, out: Tensor) -> bool:
        return out.shape[0] == self._batch * shared.shape[0] and out.shape[1:] == shared.shape[1:]


def per_example(
    junctions: Sequence[Junction],
    gradients: Sequence[Tensor],
    inputs: Sequence[Tensor],
    batch: int,
    *,
    create_graph: bool,
) -> list[Tensor]:
    """Each example's gradient with respect to shared tensors.

    Args:
        junctions: where the shared tensors are repeated.
        gradients: gradient of the summed loss with respect to each junction's repeated tensor.
        inputs: shared tensors or parameters before the junctions.
        batch: B.
        create_graph: keep the result differentiable.

    Returns:
        For each input x a tensor `[B, *x.shape]`.
    """
    cotangents = [g.reshape(batch, *j.shared.shape) for j, g in zip(junctions, gradients, strict=True)]  # [B, R, …]
    found = torch.autograd.grad(
        [junction.shared for junction in junctions],
        list(inputs),
        cotangents,
        is_grads_batched=True,
        create_graph=create_graph,
        allow_unused=True,
        materialize_grads=False,
    )
    return [x.new_zeros(batch, *x.shape) if g is None else g for x, g in zip(inputs, found, strict=True)]


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)
