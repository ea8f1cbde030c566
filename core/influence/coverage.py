"""Which parameters a score is taken over, and which layer each belongs to."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from core.influence.errors import UncoveredParameterError, UnknownParameterError
from core.influence.layers.registry import has_rule


@dataclass(frozen=True)
class Coverage:
    """The parameters that count, by name, and the layers they are summed over.

    Attributes:
        layer_of: parameter name → index into `layers`, in the model's own order.
        layers: names of the layers: an encoder block each, and the parts before and after the blocks.
    """

    layer_of: dict[str, int]
    layers: tuple[str, ...]


def cover(model: nn.Module, parameters: Iterable[str] | None = None) -> Coverage:
    """Choose the parameters: all trainable ones, or those named.

    Args:
        model: a classifier.
        parameters: names as in `model.named_parameters()`, or of a module, which stands for all trainable
            parameters below it.

    Raises:
        UnknownParameterError: a name fits nothing, or only frozen parameters.
        UncoveredParameterError: a chosen parameter's module has no rule.
    """
    trainable = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    chosen = trainable if parameters is None else _named(model, trainable, parameters)
    if not chosen:
        raise UnknownParameterError(
            "No parameter to take gradients of: the model has no trainable one, or none is named."
        )
    uncovered = [
        f"{name} ({type(module).__name__})"
        for name in chosen
        if not has_rule(module := _owner(model, name), name.rpartition(".")[2])
    ]
    if uncovered:
        raise UncoveredParameterError(
            f"No gradient rule covers {', '.join(uncovered)}. Leaving a parameter out changes every score: "
            "name the ones that should count with parameters=[…] to exclude it on purpose."
        )
    names = [layer_name(model, name) for name in chosen]
    layers = tuple(dict.fromkeys(names))
    return Coverage({name: layers.index(layer) for name, layer in zip(chosen, names, strict=True)}, layers)


def layer_names(model: nn.Module, parameters: Iterable[str] | None = None) -> list[str]:
    """Names of the layers along the first axis of a `by_layer` score, in order."""
    return list(cover(model, parameters).layers)


def layer_name(model: nn.Module, parameter: str) -> str:
    """The layer a parameter belongs to: its encoder block where it has one, else its part of the model.

    `bert.encoder.layer.3.output.dense.weight` → `bert.encoder.layer.3`; `bert.embeddings.LayerNorm.bias` →
    `bert.embeddings`; `classifier.weight` → `classifier`.
    """
    parts = parameter.split(".")[:-1] or [parameter]
    for depth, part in enumerate(parts):
        if part.isdigit():
            return ".".join(parts[: depth + 1])
    inside_encoder = parts[0] == getattr(model, "base_model_prefix", None)
    return ".".join(parts[: 2 if inside_encoder else 1])


def _named(model: nn.Module, trainable: list[str], parameters: Iterable[str]) -> list[str]:
    wanted = [parameters] if isinstance(parameters, str) else list(parameters)
    chosen: set[str] = set()
    for name in wanted:
        found = {known for known in trainable if known == name or known.startswith(f"{name}.")}
        if not found:
            exists = any(known == name or known.startswith(f"{name}.") for known, _ in model.named_parameters())
            why = "is frozen (requires_grad is False)" if exists else "is no parameter or module of this model"
            raise UnknownParameterError(f"parameters= names {name!r}, which {why}.")
        chosen |= found
    return [name for name in trainable if name in chosen]


def _owner(model: nn.Module, parameter: str) -> nn.Module:
    return model.get_submodule(parameter.rpartition(".")[0])
