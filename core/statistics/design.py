"""Which training examples each probe is compared with: groups A and B, and the arrangement that makes sums fast."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.statistics.arrays import Bools, Floats, Ints, Texts, Values, same_length, text_array
from core.statistics.errors import StatisticsError

THIN = 10
"""Cells with fewer training examples than this are named in the notes."""


@dataclass(frozen=True)
class Block:
    """One label: its n training rows and its p probes. Codes number the label's confound values, 0 … K−1."""

    label: str
    confounds: Texts  # [K]
    rows: Ints  # [n] into the training set
    code: Ints  # [n]
    counts: Ints  # [K] training rows by code
    probes: Ints  # [p] into the probes
    probe_code: Ints  # [p]
    own: Ints  # [p] the probe's own place in `rows`, −1 where it is held out

    @property
    def in_training(self) -> Bools:
        return self.own >= 0  # [p]

    def sizes(self, probe_code: Ints) -> tuple[Ints, Ints]:
        """n_a, n_b for probes with these codes [..., p]: the probe itself is never in A."""
        same = self.counts[probe_code]  # [..., p]
        return same - self.in_training, len(self.rows) - same

    def defined(self, probe_code: Ints) -> Bools:
        n_a, n_b = self.sizes(probe_code)
        return (n_a > 0) & (n_b > 0)  # [..., p]

    def centred(self, scores: npt.NDArray[Any]) -> Floats:
        """The block's scores [n, p] in float64, less each probe's mean, self-pairs set to 0.

        A difference of means does not change by the shift; sums keep their digits, and a self-pair adds nothing.
        """
        block = scores[np.ix_(self.rows, self.probes)].astype(np.float64)  # [n, p]
        at = self.own[self.in_training], np.flatnonzero(self.in_training)
        block[at] = 0.0
        block -= block.sum(0) / np.maximum(len(self.rows) - self.in_training, 1)  # [n, p]
        block[at] = 0.0
        return block


@dataclass(frozen=True)
class Design:
    """All blocks that have probes. `probe_row` [P] is −1 for a held-out probe."""

    train_label: Texts
    train_confound: Texts
    probe_label: Texts
    probe_confound: Texts
    probe_row: Ints
    blocks: tuple[Block, ...]

    def masks(self, probe: int) -> tuple[Bools, Bools]:
        """Groups A and B of one probe as masks over the training rows [N]."""
        same_label = self.train_label == self.probe_label[probe]
        same = self.train_confound == self.probe_confound[probe]
        a, b = same_label & same, same_label & ~same
        if self.probe_row[probe] >= 0:
            a[self.probe_row[probe]] = False
        return a, b

    def notes(self) -> tuple[str, ...]:
        """What a reader must know about cells that are empty or thin."""
        found = []
        for block in self.blocks:
            present = np.flatnonzero(block.counts)
            undefined = int((~block.defined(block.probe_code)).sum())
            if len(present) < 2:
                which = f"has the {block.confounds[present[0]]} value only" if len(present) else "does not occur"
                found.append(
                    f"CID is undefined for the {undefined} probes labelled {block.label}: in training this label "
                    f"{which}, so there are no counterexamples. Add some, or merge labels or confound values."
                )
                continue
            if undefined:
                found.append(
                    f"CID is undefined for {undefined} probes labelled {block.label}: no other training example "
                    f"shares their label and confound value."
                )
            found.extend(
                f"The cell {block.label} × {block.confounds[code]} has only {block.counts[code]} training examples; "
                f"what rests on them is uncertain."
                for code in present
                if block.counts[code] < THIN
            )
        return tuple(found)


def arrange(
    train_label: Values, train_confound: Values, probe_label: Values, probe_confound: Values, probe_row: Values
) -> Design:
    """Check the columns against each other and arrange them by label.

    Raises StatisticsError for unequal lengths, missing values, a `probe_row` outside the training set or used twice,
    and a probe whose label or confound differs from that of its own training row.
    """
    label, confound = text_array(train_label, "train_label"), text_array(train_confound, "train_confound")
    n = same_length(train_label=label, train_confound=confound)
    y, c = text_array(probe_label, "probe_label"), text_array(probe_confound, "probe_confound")
    row = np.asarray(probe_row, dtype=np.int64)
    same_length(probe_label=y, probe_confound=c, probe_row=row)
    _check_rows(row, n, label, confound, y, c)
    blocks = tuple(_block(str(value), label, confound, y, c, row) for value in np.unique(y))
    return Design(label, confound, y, c, row, blocks)


def _check_rows(row: Ints, n: int, label: Texts, confound: Texts, y: Texts, c: Texts) -> None:
    for probe in np.flatnonzero((row < -1) | (row >= n)):
        raise StatisticsError(f"Probe {probe} points to training row {row[probe]}; rows go from 0 to {n - 1}.")
    own = row[row >= 0]
    values, times = np.unique(own, return_counts=True)
    for value in values[times > 1]:
        raise StatisticsError(f"Training row {value} is a probe more than once. Choose each probe once.")
    inside = np.flatnonzero(row >= 0)
    for probe in inside[(label[own] != y[inside]) | (confound[own] != c[inside])]:
        raise StatisticsError(
            f"Probe {probe} is {y[probe]} × {c[probe]}, but its training row {row[probe]} is "
            f"{label[row[probe]]} × {confound[row[probe]]}."
        )


def _block(value: str, label: Texts, confound: Texts, y: Texts, c: Texts, row: Ints) -> Block:
    rows, probes = np.flatnonzero(label == value), np.flatnonzero(y == value)
    confounds, codes = np.unique(np.concatenate([confound[rows], c[probes]]), return_inverse=True)
    code, probe_code = codes[: len(rows)], codes[len(rows) :]
    own = np.where(row[probes] >= 0, np.searchsorted(rows, row[probes]), -1)
    counts = np.bincount(code, minlength=len(confounds))
    return Block(value, confounds, rows, code, counts, probes, probe_code, own)


def check_scores(scores: npt.NDArray[Any], design: Design) -> npt.NDArray[Any]:
    """The score matrix [N, P], refused if its shape does not fit or an entry is not a finite number."""
    matrix = np.asarray(scores)
    shape = len(design.train_label), len(design.probe_label)
    if matrix.shape != shape:
        raise StatisticsError(
            f"The score matrix has shape {list(matrix.shape)}; {shape[0]} training rows and {shape[1]} probes need "
            f"{list(shape)}."
        )
    finite = np.isfinite(matrix)
    if not finite.all():
        row, probe = np.argwhere(~finite)[0]
        raise StatisticsError(
            f"The score of probe {probe} and training row {row} is {matrix[row, probe]}, not a number that can be "
            f"averaged. {int((~finite).sum())} scores are like this; compute the influence again."
        )
    return matrix
