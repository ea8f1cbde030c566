"""One batched forward pass and one backward pass: every layer's input and every example's output-gradients.

No parameter gradient is ever asked for. From the recorded pairs `(a, b)` the rules in `core.influence.layers` make
per-example gradients in factored form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from core.influence.batch import Batch, unambiguous
from core.influence.coverage import Coverage
from core.influence.errors import UncoveredParameterError
from core.influence.gradients.dense import Dense
from core.influence.gradients.form import Gradient
from core.influence.layers.registry import has_rule, has_rules, rule_for
from core.influence.shared import SharedTensors, per_example


def gradients(
    model: nn.Module, batch: Batch, coverage: Coverage, *, create_graph: bool = False
) -> dict[str, Gradient]:
    """Per-example gradients of the cross-entropy loss, by parameter name.

    Args:
        model: a classifier whose output has `logits` `[B, C]`, in evaluation mode.
        batch: tokenised examples with `labels` `[B]`.
        coverage: the parameters that count.
        create_graph: keep the gradients differentiable with respect to the parameters.

    Returns:
        A gradient for each parameter that the forward pass used; the others' gradient is zero.
    """
    inputs, labels = unambiguous(model, batch)
    tape = Tape(model, coverage, labels.shape[0])
    with tape:
        logits = model(**inputs).logits  # [B, C]
    loss = F.cross_entropy(logits, labels, reduction="sum")  # a mean would scale every gradient by 1/B
    return tape.differentiate(loss, create_graph=create_graph)


@dataclass
class Call:
    """One call of a layer: what it read, and the tensor it returned."""

    module: nn.Module
    a: Tensor
    output: Tensor


@dataclass
class Tape:
    """Records the calls of all covered layers while the model runs inside `with tape:`.

    Attributes:
        own: calls whose first axis is the batch.
        shared: calls computed once for the whole batch.
    """

    model: nn.Module
    coverage: Coverage
    batch: int
    own: list[Call] = field(default_factory=list)
    shared: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        self._mode = SharedTensors(self.batch, self._names, frozenset(self.coverage.layer_of))
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> "Tape":
        for module in self.model.modules():
            if has_rules(module):
                self._hooks.append(module.register_forward_pre_hook(self._enter_layer))
                self._hooks.append(module.register_forward_hook(self._leave_layer))
        self._mode.__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        self._mode.__exit__(*reason)
        for hook in self._hooks:
            hook.remove()

    def differentiate(self, loss: Tensor, *, create_graph: bool) -> dict[str, Gradient]:
        """Output-gradients of every call, turned into per-example parameter gradients by the layers' rules."""
        junctions = self._mode.junctions
        outputs = [call.output for call in self.own] + [junction.repeated for junction in junctions]
        found = torch.autograd.grad(loss, outputs, create_graph=create_graph, allow_unused=True)
        b = [torch.zeros_like(y) if g is None else g for y, g in zip(outputs, found, strict=True)]
        result: dict[str, Gradient] = {}
        inputs = {id(call.a): call.a if create_graph else call.a.detach() for call in self.own}
        for call, gradient in zip(self.own, b, strict=False):
            self._apply_rules(result, call.module, inputs[id(call.a)], gradient)
        if junctions:
            direct = self._mode.direct
            targets = [call.output for call in self.shared] + list(direct.values())
            carried = per_example(junctions, b[len(self.own) :], targets, self.batch, create_graph=create_graph)
            for call, gradient in zip(self.shared, carried, strict=False):
                a = call.a if create_graph else call.a.detach()
                a = a if a.shape[0] == 1 else a.unsqueeze(0)
                self._apply_rules(result, call.module, a.expand(self.batch, *a.shape[1:]), gradient)
            for name, gradient in zip(direct, carried[len(self.shared) :], strict=True):
                _merge(result, name, Dense(gradient.flatten(1)))
        return result

    def _enter_layer(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self._mode.inside_layers += 1

    def _leave_layer(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor | None:
        self._mode.inside_layers -= 1
        a = args[0]
        chosen = self._chosen(module)
        inherited = self._mode.origin(a)
        if inherited is None and self._is_own(module, a):
            if a.shape[0] != self.batch:  # position embeddings: one lookup that broadcasts to every example
                a, output = (x.expand(self.batch, *x.shape[1:]) for x in (a, output))
            if chosen:
                self.own.append(Call(module, a, output))
            return output
        self._mode.add(output, frozenset(chosen.values()) | (inherited or frozenset()))
        if chosen:
            self.shared.append(Call(module, a, output))
        return None

    def _is_own(self, module: nn.Module, a: Tensor) -> bool:
        if a.shape[0] == self.batch:
            return True
        return isinstance(module, nn.Embedding) and a.shape[0] == 1

    def _chosen(self, module: nn.Module) -> dict[str, str]:
        """Attribute → name of the module's parameters that count."""
        return {
            attribute: name
            for attribute, parameter in module.named_parameters(recurse=False)
            if has_rule(module, attribute) and (name := self._names[id(parameter)]) in self.coverage.layer_of
        }

    def _apply_rules(self, result: dict[str, Gradient], module: nn.Module, a: Tensor, b: Tensor) -> None:
        for attribute, name in self._chosen(module).items():
            _merge(result, name, rule_for(module, attribute)(module, a, b))


def _merge(result: dict[str, Gradient], name: str, gradient: Gradient) -> None:
    if name in result and type(result[name]) is not type(gradient):
        raise UncoveredParameterError(f"{name} is used by layers of different kinds, whose gradients no rule can add.")
    result[name] = result[name].merge(gradient) if name in result else gradient


