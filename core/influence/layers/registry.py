"""The register of rules: (layer type, parameter) → per-example gradient.

A new layer is one function with `@rule(LayerType, "parameter")` and one test.
"""

from collections.abc import Callable

from torch import Tensor, nn

from core.influence.gradients.form import Gradient

Rule = Callable[[nn.Module, Tensor, Tensor], Gradient]

_RULES: dict[tuple[type[nn.Module], str], Rule] = {}


def rule(layer: type[nn.Module], parameter: str) -> Callable[[Rule], Rule]:
    """Register a function `(module, a, b) -> Gradient` for one parameter of one layer type.

    `a` `[B, …]` is what the layer read, `b` `[B, …, out]` the gradient of each example's loss with respect to what
    the layer returned.
    """

    def register(function: Rule) -> Rule:
        _RULES[layer, parameter] = function
        return function

    return register


def has_rules(module: nn.Module) -> bool:
    """Whether any parameter of this module type is covered."""
    return any(layer is type(module) for layer, _ in _RULES)


def has_rule(module: nn.Module, parameter: str) -> bool:
    """Whether the parameter of exactly this module type is covered; a subclass may compute something else."""
    return (type(module), parameter) in _RULES


def rule_for(module: nn.Module, parameter: str) -> Rule:
    """The rule of a covered parameter."""
    return _RULES[type(module), parameter]
