"""One batched forward pass and one backward pass: every layer's input and every example's output-gradients.

No parameter gradient is ever asked for. From the recorded pairs `(a, b)` the rules in `core.influence.layers` make
per-example gradients in factored form.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from core.influence.batch import Batch, unambiguous
from core.influence.coverage import Coverage
from core.influence.errors import UncoveredParameterError
from core.influence.gradients.dense import Dense
from core.influence.gradients.form import Gradient
from core.influence.gradients.outer import Outer
from core.influence.layers.registry import has_rule, has_rules, rule_for
from core.influence.shared import Junction, SharedTensors, per_example


@dataclass(frozen=True)
class Recorded:
    """Gradients of B examples, each divided by its own scale.

    The gradient of example i with respect to a parameter is `scale[i]` times what `by_parameter` holds. The scale is
    the length of the loss's gradient with respect to the logits: an example that the model is nearly certain of has
    gradients so small that their squares would vanish in float32.

    Attributes:
        by_parameter: a gradient for each parameter that the forward pass used; the others' is zero. Weights that
            read one input stand together under the name of the first of them.
        scale: `[B]`, float64.
    """

    by_parameter: dict[str, Gradient]
    scale: Tensor


def gradients(model: nn.Module, batch: Batch, coverage: Coverage, *, create_graph: bool = False) -> Recorded:
    """Per-example gradients of the cross-entropy loss.

    Args:
        model: a classifier whose output has `logits` `[B, C]`, in evaluation mode.
        batch: tokenised examples with `labels` `[B]`.
        coverage: the parameters that count.
        create_graph: keep the gradients differentiable with respect to the parameters.
    """
    inputs, labels = unambiguous(model, batch)
    tape = Tape(model, coverage, labels.shape[0])
    with torch.enable_grad(), tape:
        logits = model(**inputs).logits  # [B, C]
    with torch.set_grad_enabled(create_graph):
        residual = logit_gradients(logits, labels)  # [B, C]
        scale = residual.norm(dim=1)  # [B]
        direction = residual / scale.clamp(min=torch.finfo(scale.dtype).tiny).unsqueeze(1)  # [B, C]
    return Recorded(tape.differentiate(logits, direction.to(logits.dtype), create_graph=create_graph), scale)


def logit_gradients(logits: Tensor, labels: Tensor) -> Tensor:
    """Each example's `∂L/∂logits = p − onehot(y)`, in float64: `[B, C]`.

    Written as `p_c` for the other classes and minus their sum for the true one, it keeps its relative precision where
    `p_y − 1` would round to zero. A mean over the batch would scale it by 1/B, so there is none.
    """
    others = logits.double().softmax(1).scatter(1, labels.unsqueeze(1), 0.0)  # [B, C]
    return others.scatter(1, labels.unsqueeze(1), -others.sum(1, keepdim=True))


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
        self._open = ExitStack()

    def __enter__(self) -> "Tape":
        for module in self.model.modules():
            if has_rules(module):
                self._open.callback(module.register_forward_pre_hook(self._enter_layer).remove)
                self._open.callback(module.register_forward_hook(self._leave_layer, with_kwargs=True).remove)
        self._open.enter_context(self._mode)
        return self

    def __exit__(self, *reason: Any) -> None:
        self._open.__exit__(*reason)

    def differentiate(self, logits: Tensor, direction: Tensor, *, create_graph: bool) -> dict[str, Gradient]:
        """Gradients of `Σ_i direction_i · logits_i`: of every call's output, and by the rules of its parameters.

        Example i's logits depend on no other example, so slice i of an output's gradient is example i's own.
        """
        junctions = self._mode.junctions
        outputs = [call.output for call in self.own] + [junction.repeated for junction in junctions]
        found = torch.autograd.grad(logits, outputs, direction, create_graph=create_graph, allow_unused=True)
        b = [torch.zeros_like(y) if g is None else g for y, g in zip(outputs, found, strict=True)]
        with torch.set_grad_enabled(create_graph):
            result = self._of_examples(b[: len(self.own)], create_graph)
            if junctions:
                self._of_batch(result, junctions, b[len(self.own) :], create_graph)
            return self._stack(result)

    def _of_examples(self, b: list[Tensor], create_graph: bool) -> dict[str, Gradient]:
        """Gradients through the calls that each example has to itself."""
        result: dict[str, Gradient] = {}
        inputs = {id(call.a): call.a if create_graph else call.a.detach() for call in self.own}
        for call, gradient in zip(self.own, b, strict=True):
            self._apply_rules(result, call.module, inputs[id(call.a)], gradient)
        return result

    def _of_batch(
        self, result: dict[str, Gradient], junctions: list[Junction], repeated: list[Tensor], create_graph: bool
    ) -> None:
        """Add the gradients through the calls, and the plain uses of parameters, that the batch shares."""
        direct = self._mode.direct
        targets = [call.output for call in self.shared] + list(direct.values())
        carried = per_example(junctions, repeated, targets, self.batch, create_graph=create_graph)
        for call, gradient in zip(self.shared, carried, strict=False):
            a = call.a if create_graph else call.a.detach()
            a = a if a.shape[0] == 1 else a.unsqueeze(0)  # [1, …]
            self._apply_rules(result, call.module, a.expand(self.batch, *a.shape[1:]), gradient)
        for name, gradient in zip(direct, carried[len(self.shared) :], strict=True):
            _merge(result, name, Dense(gradient.flatten(1)))

    def _enter_layer(self, *_: Any) -> None:
        self._mode.inside_layers += 1

    def _leave_layer(
        self, module: nn.Module, args: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor
    ) -> Tensor | None:
        self._mode.inside_layers -= 1
        a = args[0] if args else named["input"]
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

    def _stack(self, result: dict[str, Gradient]) -> dict[str, Gradient]:
        """Linear layers of one block that read the same inputs (query, key and value) as one, under the first's name."""
        read: dict[str, tuple[int, ...]] = {}
        for call in (*self.own, *self.shared):
            for name in self._chosen(call.module).values():
                read[name] = (*read.get(name, ()), id(call.a))
        groups: dict[tuple[object, ...], list[str]] = {}
        for name, gradient in result.items():
            alone = () if isinstance(gradient, Outer) and name in read else (name,)
            groups.setdefault((self.coverage.layer_of[name], *read.get(name, ()), *alone), []).append(name)
        for names in groups.values():
            outers = [gradient for name in names if isinstance(gradient := result[name], Outer)]
            if outers:
                for name in names[1:]:
                    del result[name]
                result[names[0]] = Outer.stacked(outers).trimmed()
        return result


def _merge(result: dict[str, Gradient], name: str, gradient: Gradient) -> None:
    if name in result and type(result[name]) is not type(gradient):
        raise UncoveredParameterError(f"{name} is used by layers of different kinds, whose gradients no rule can add.")
    result[name] = result[name].merge(gradient) if name in result else gradient
