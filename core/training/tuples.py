"""What a tuning step looks at: a probe, examples that share its confound (A), and examples that don't (B)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import UserError
from core.training.batching import Rows
from core.training.config import TrainConfig

Codes = NDArray[np.int64]
_OF_ACCESS, _OF_EPOCH = 1, 2  # which random numbers: streams of one seed that must not meet


def codes(values: "pd.Series[str]") -> Codes:
    """A number for each different value, in sorted order, `[N]`."""
    return np.unique(values.to_numpy(dtype=np.str_), return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class Group:
    """A tuple (probe, A, B): training rows of one label. A shares the probe's confound, B does not; neither is empty."""

    probe: int
    same: tuple[int, ...]
    different: tuple[int, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """The probe, then A, then B."""
        return (self.probe, *self.same, *self.different)


@dataclass(frozen=True)
class Known:
    """The training examples whose confound the method may look at, and the pools that tuples are drawn from.

    Attributes:
        known: `[N]`, whether the confound of a training row counts as known.
        probes: rows that can serve as probes: known, with somebody in A and somebody in B.
        left_out: known rows that cannot, because their A or B is empty.
        cells: label → confound value → its known rows, all as codes.
        counterexamples: known rows outside their label's largest cell.
    """

    known: NDArray[np.bool_]
    probes: Rows
    left_out: int
    cells: dict[int, dict[int, Rows]]
    counterexamples: int

    def sentence(self) -> str:
        """What is known, for the log."""
        told = (
            f"The confound is known for {int(self.known.sum()):,} of {len(self.known):,} training examples, "
            f"{self.counterexamples} of them counterexamples; {len(self.probes):,} can serve as probes"
        )
        return told + (f", {self.left_out:,} have no counterexample." if self.left_out else ".")


def known_examples(config: TrainConfig, label: Codes, confound: Codes) -> Known:
    """Choose the subset whose confound is known: a share `access_rate` of every label × confound cell, by the seed.

    Every cell keeps round(rate · n) of its rows, so a thin one may keep none; nothing is topped up, unless
    `keep_counterexamples` asks that so many rows of each cell outside its label's largest stay known (the paper kept
    ten). A smaller rate's subset lies within a larger one's.

    Raises:
        UserError: a method that draws tuples finds no probe with a counterexample.
    """
    known = np.zeros(len(label), dtype=bool)
    order = np.random.default_rng([config.seed, _OF_ACCESS]).permutation(len(label))
    cells: dict[int, dict[int, Rows]] = {}
    for y in np.unique(label).tolist():
        sizes = {c: int(((label == y) & (confound == c)).sum()) for c in np.unique(confound[label == y]).tolist()}
        largest = max(sizes, key=lambda c: (sizes[c], -c))
        for c, size in sizes.items():
            members = order[(label[order] == y) & (confound[order] == c)]
            wanted = round(config.access_rate * size)
            if c != largest:
                wanted = max(wanted, min(config.keep_counterexamples, size))
            if wanted:
                cells.setdefault(y, {})[c] = np.sort(members[:wanted])
                known[members[:wanted]] = True
    counterexamples = sum(len(rows) for of in cells.values() for rows in of.values()) - sum(
        max(len(rows) for rows in of.values()) for of in cells.values()
    )
    usable = [rows for of in cells.values() if len(of) > 1 for rows in of.values() if len(rows) > 1]
    probes = np.sort(np.concatenate(usable)) if usable else np.empty(0, dtype=np.int64)
    if config.terms() and not len(probes):
        raise UserError(
            "No training example can serve as a probe: each needs another one of its label and confound and one of its "
            f"label with another confound, among the {int(known.sum()):,} whose confound is known. Add "
            "counterexamples, raise access_rate, or set keep_counterexamples."
        )
    return Known(known, probes, int(known.sum()) - len(probes), cells, counterexamples)


def draw(
    config: TrainConfig, known: Known, label: Codes, confound: Codes, count: int, key: Sequence[int]
) -> list[Group]:
    """`count` tuples, or one for every possible probe where there are fewer: a function of the seed and `key` alone.

    Probes are drawn without replacement. Each gets k others of A and k of B, or all there are. With several other
    confound values, B takes from them in turn, so that each is there as often as the next.
    """
    rng = np.random.default_rng([config.seed, _OF_EPOCH, *key])
    probes = rng.permutation(known.probes)[:count]
    return [_group(config, known.cells[int(label[probe])], int(probe), int(confound[probe]), rng) for probe in probes]


def _group(config: TrainConfig, cells: dict[int, Rows], probe: int, own: int, rng: np.random.Generator) -> Group:
    same = rng.permutation(cells[own][cells[own] != probe])[: config.k]
    others = [rng.permutation(cells[c]) for c in rng.permutation([c for c in sorted(cells) if c != own])]
    ranked = sorted((place, number) for number, rows in enumerate(others) for place in range(len(rows)))
    different = [int(others[number][place]) for place, number in ranked[: config.k]]
    return Group(probe, tuple(same.tolist()), tuple(different))
