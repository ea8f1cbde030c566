"""Small data sets with labels, confounds, probes and scores, for the tests of this room."""

from dataclasses import dataclass

import numpy as np

from core.statistics.sampling import choose_probes


@dataclass(frozen=True)
class Case:
    scores: np.ndarray  # [N, P]
    label: np.ndarray
    confound: np.ndarray
    row: np.ndarray  # [P]

    @property
    def columns(self):
        return self.label, self.confound, self.label[self.row], self.confound[self.row], self.row


def aligned_columns(n, rng, *, share=0.8, labels=("long", "short"), confounds=("neg", "pos")):
    """Labels and confounds [n]; confound k goes with label k for `share` of the examples. Every cell has three."""
    y = rng.integers(len(labels), size=n)
    c = np.where(rng.random(n) < share, y % len(confounds), rng.integers(len(confounds), size=n))
    cells = np.tile(np.arange(len(labels) * len(confounds)), 3)
    y[: len(cells)], c[: len(cells)] = np.divmod(cells, len(confounds))
    return np.array(labels)[y], np.array(confounds)[c]


def case(n=200, probes=12, *, seed=0, effect=0.0, **columns):
    """Scores with row, probe and similarity effects, and `effect` where label and confound are shared."""
    rng = np.random.default_rng(seed)
    label, confound = aligned_columns(n, rng, **columns)
    row = choose_probes(label, confound, seed=seed, probes=probes).rows
    hidden = rng.normal(size=(n, 3))
    scores = hidden @ hidden[row].T / 3 + rng.normal(size=(n, 1)) + rng.normal(size=len(row))
    shared = (label[:, None] == label[row]) & (confound[:, None] == confound[row])
    return Case(scores + effect * shared, label, confound, row)


def looped_cid(scores, label, confound, probe_label, probe_confound, probe_row):
    """CID of each probe straight from the definition; None where a group is empty."""
    found = []
    for p in range(len(probe_label)):
        a, b = [], []
        for i in range(len(label)):
            if label[i] != probe_label[p] or i == probe_row[p]:
                continue
            (a if confound[i] == probe_confound[p] else b).append(float(scores[i][p]))
        found.append(sum(a) / len(a) - sum(b) / len(b) if a and b else None)
    return found
