"""Which examples serve as probes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.statistics.arrays import Ints, Texts, Values, same_length, text_array
from core.statistics.errors import StatisticsError

Preset = Literal["cells", "paper"]


@dataclass(frozen=True)
class CellChoice:
    """What one label × confound cell offers and what was taken of it."""

    label: str
    confound: str
    available: int
    chosen: int


@dataclass(frozen=True)
class ProbeChoice:
    """Probes in the order of their rows.

    `rows` [P] index the table that they were chosen from: the training set, or the held-out one.
    `probe_row` [P] is what `cid_report` reads: the training row, or −1 for a probe that is no training example.
    """

    rows: Ints
    held_out: bool
    cells: tuple[CellChoice, ...]
    notes: tuple[str, ...]

    @property
    def probe_row(self) -> Ints:
        return np.full_like(self.rows, -1) if self.held_out else self.rows


def choose_probes(
    train_label: Values,
    train_confound: Values,
    *,
    seed: int,
    probes: int = 40,
    preset: Preset = "cells",
    held_out: tuple[Values, Values] | None = None,
) -> ProbeChoice:
    """`probes` examples, equally many from each label × confound cell.

    preset "cells": P // cells from each cell and one more from P mod cells of them, drawn at random. A cell with fewer
    takes all it has; the others are *not* filled up, since equal cells let differences between confound values that
    have nothing to do with sharing one cancel in the mean CID. A cell for which CID cannot be defined (no training
    example of the same cell beside the probe, or none of the same label with another confound) is left out. Both are
    said in `notes`.
    preset "paper": the first `probes` rows, as the reference code took them, whatever their cells.

    held_out: (label, confound) of another table, whose rows are then chosen; the training columns only say which
    cells have counterexamples. The same seed and columns give the same probes.
    Raises StatisticsError for `probes` < 1 and where no cell can serve.
    """
    label, confound = text_array(train_label, "label"), text_array(train_confound, "confound")
    same_length(label=label, confound=confound)
    if probes < 1:
        raise StatisticsError(f"{probes} probes were asked for. Choose at least 1.")
    in_training = Counter(zip(label.tolist(), confound.tolist(), strict=True))
    if held_out is not None:
        label, confound = text_array(held_out[0], "held-out label"), text_array(held_out[1], "held-out confound")
        same_length(label=label, confound=confound)
    if preset == "paper":
        rows = np.arange(min(probes, len(label)))
        notes = [] if probes <= len(label) else [f"There are only {len(label)} examples, so {len(label)} probes."]
        return _choice(rows, label, confound, held_out is not None, notes)
    return _equal_cells(label, confound, in_training, probes, held_out is not None, np.random.default_rng(seed))


def _equal_cells(
    label: Texts,
    confound: Texts,
    in_training: Counter[tuple[str, str]],
    probes: int,
    held_out: bool,
    rng: np.random.Generator,
) -> ProbeChoice:
    by_label = Counter(label for label, _ in in_training.elements())
    cells, notes = [], []
    for y, c in sorted(set(zip(label.tolist(), confound.tolist(), strict=True))):
        if in_training[y, c] == by_label[y]:
            notes.append(
                f"No probes from {y} × {c}: every training example labelled {y} has this confound value, so there is "
                f"no counterexample to compare with. Add some, or merge confound values."
            )
        elif in_training[y, c] < (1 if held_out else 2):
            notes.append(f"No probes from {y} × {c}: no other training example shares this label and confound value.")
        else:
            cells.append((y, c))
    if not cells:
        raise StatisticsError(
            "No example can serve as a probe: in every label × confound cell the counterexamples or the examples that "
            "share the confound are missing from the training set. Add examples to the empty cells, or choose another "
            "confound column."
        )
    base, remainder = divmod(probes, len(cells))
    extra = set(rng.permutation(len(cells))[:remainder].tolist())
    rows: list[int] = []
    for number, (y, c) in enumerate(cells):
        members = np.flatnonzero((label == y) & (confound == c))
        wanted = base + (number in extra)
        if len(members) < wanted:
            notes.append(f"{y} × {c} has only {len(members)} examples; all of them are probes, {wanted} were wanted.")
        rows.extend(rng.permutation(members)[:wanted].tolist())
    return _choice(np.sort(np.array(rows, dtype=np.int64)), label, confound, held_out, notes)


def _choice(rows: Ints, label: Texts, confound: Texts, held_out: bool, notes: Iterable[str]) -> ProbeChoice:
    available = Counter(zip(label.tolist(), confound.tolist(), strict=True))
    chosen = Counter(zip(label[rows].tolist(), confound[rows].tolist(), strict=True))
    cells = tuple(CellChoice(y, c, n, chosen[y, c]) for (y, c), n in sorted(available.items()))
    return ProbeChoice(rows.astype(np.int64), held_out, cells, tuple(notes))
