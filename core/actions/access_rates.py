"""Accuracy against how much of the confound a method is allowed to know: the paper's Table 3."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.actions.seed_groups import SeedGroup, settings_of
from core.statistics.compare import Spread, spread

READS_THE_CONFOUND = ("influence-tuning", "embedding-tuning", "combined-tuning", "adversarial")
"""Methods that an access rate means something to."""


@dataclass(frozen=True)
class AccessPoint:
    """A group of a method that reads the confound, at its access rate (0 … 1); accuracy over all of its seeds."""

    method: str
    access_rate: float
    group: str
    accuracy: Spread


def access_points(groups: Sequence[SeedGroup]) -> tuple[AccessPoint, ...]:
    """By method and rate; nothing where the rates do not differ. A group that mixes methods or rates has no place."""
    found = []
    for group in groups:
        kinds = {(run.method, settings_of(run).get("access_rate")) for run in group.runs}
        method, rate = next(iter(kinds))
        if len(kinds) == 1 and method in READS_THE_CONFOUND and isinstance(rate, int | float):
            found.append(AccessPoint(method, float(rate), group.name, spread([one.accuracy for one in group.results])))
    if len({one.access_rate for one in found}) < 2:
        return ()
    return tuple(sorted(found, key=lambda one: (READS_THE_CONFOUND.index(one.method), one.access_rate)))
