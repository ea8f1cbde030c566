"""CID by layer: what a diagnosis kept of it, and where the confound lives, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.formats import listed, percent, signed

_MAIN = 0.6
_AGAINST = 0.05


@dataclass(frozen=True)
class Layer:
    """One layer of one diagnosis: its share of CID and the CID within it, with 95 % intervals over probes."""

    layer: str
    cid: float
    ci: tuple[float, float]
    within: float
    within_ci: tuple[float, float]

    def of(self, measure: str) -> tuple[float, tuple[float, float]]:
        """The number and interval of a measure: `share` or `within`."""
        return (self.within, self.within_ci) if measure == "within" else (self.cid, self.ci)


@dataclass(frozen=True)
class LayersAt:
    """The layers of the diagnosis at a step, from input to output."""

    step: int
    layers: tuple[Layer, ...]


def layers_of(report: Mapping[str, Any]) -> tuple[Layer, ...]:
    """The layers that a diagnosis's report holds; none where influence was not kept by layer."""
    return read_layers(report.get("layers"))


def read_layers(kept: Sequence[Mapping[str, Any]] | None) -> tuple[Layer, ...]:
    """The layers as they are kept in a report."""
    return tuple(
        Layer(str(one["layer"]), one["cid"], tuple(one["ci"]), one["within"], tuple(one["within_ci"]))
        for one in kept or ()
    )


def where_it_lives(layers: Sequence[Layer], cid: float | None, null: Sequence[float | None] | None) -> str:
    """One or two sentences: which layers CID comes from, which pull the other way, and which layer leans most by itself."""
    if not layers:
        return ""
    if cid is None or cid == 0 or _like_chance(cid, null):
        return "CID is no larger than chance alone gives, so no layer can be said to hold the confound."
    ranked = sorted(layers, key=lambda one: one.cid / cid, reverse=True)
    chosen: list[Layer] = []
    while ranked and sum(one.cid for one in chosen) / cid < _MAIN:
        chosen.append(ranked.pop(0))
    inside = [one for one in layers if one in chosen]  # from input to output
    share = sum(one.cid for one in chosen) / cid
    said = f"{percent(share, 0)} of CID comes from {_names(inside)}."
    against = [one for one in layers if one.cid / cid < -_AGAINST]
    if against:
        back = percent(-sum(one.cid for one in against) / cid, 0)
        said += f" {_capital(_names(against))} {'pull' if _many(against) else 'pulls'} the other way and take{'' if _many(against) else 's'} {back} back."
    leaning = max(layers, key=lambda one: one.within / cid)
    return f"{said} Taken by itself, {_names([leaning])} {'lean' if _many([leaning]) else 'leans'} most ({signed(leaning.within)})."


def _like_chance(cid: float, null: Sequence[float | None] | None) -> bool:
    if null is None or len(null) != 2 or null[0] is None or null[1] is None:
        return False
    return null[0] <= cid <= null[1]


def _names(layers: Sequence[Layer]) -> str:
    """blocks 4 and 5; the pooler and block 5."""
    numbers = [one.layer.removeprefix("block ") for one in layers if one.layer.startswith("block ")]
    others = [f"the {one.layer}" for one in layers if not one.layer.startswith("block ")]
    blocks = [f"block {numbers[0]}"] if len(numbers) == 1 else [f"blocks {listed(numbers, 8)}"] if numbers else []
    return listed([*others, *blocks], 8)


def _many(layers: Sequence[Layer]) -> bool:
    return len(layers) > 1 or layers[0].layer.endswith("s")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
