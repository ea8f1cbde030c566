"""CID from a sample of the training set: what a curve needs at every point, at a fraction of a diagnosis's cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.statistics.arrays import Floats, Ints, Values, text_array


@dataclass(frozen=True)
class Sample:
    """Training rows drawn equally from the label × confound cells.

    rows [n]: their numbers in the training set; cell [n]: the number of the cell each belongs to; sizes: cell → how many
    training examples it has in all; names: cell → (label, confound).
    """

    rows: Ints
    cell: Ints
    sizes: Ints
    names: tuple[tuple[str, str], ...]


def sample_cells(label: Values, confound: Values, *, per_cell: int, seed: int) -> Sample:
    """At most `per_cell` rows of every cell, drawn without replacement."""
    y, c = text_array(label, "label"), text_array(confound, "confound")
    names = sorted(set(zip(y.tolist(), c.tolist(), strict=True)))
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero((y == name[0]) & (c == name[1])) for name in names]
    drawn = [np.sort(rng.permutation(rows)[:per_cell]) for rows in members]
    return Sample(
        rows=np.concatenate(drawn),
        cell=np.repeat(np.arange(len(names)), [len(rows) for rows in drawn]),
        sizes=np.array([len(rows) for rows in members]),
        names=tuple(names),
    )


def sampled_cids(
    scores: npt.NDArray[Any], sample: Sample, probe_label: Values, probe_confound: Values, probe_row: Ints
) -> Floats:
    """CID of each probe [P] from the scores of the sampled rows [n, P]; NaN where it is undefined.

    Cell means stand for cells: mean_A is that of the probe's own cell (without the probe itself), mean_B the mean over
    the label's other cells, each weighted by how many training examples it has. With all rows sampled this is
    `cid.probe_cids`; else its unbiased estimate.
    """
    labels, values = text_array(probe_label, "probe label"), text_array(probe_confound, "probe confound")
    cids = np.full(scores.shape[1], np.nan)
    for probe, (y, c) in enumerate(zip(labels.tolist(), values.tolist(), strict=True)):
        column = scores[:, probe].astype(np.float64)
        others = sample.rows != probe_row[probe]
        means: dict[str, tuple[float, int]] = {}
        for cell, (of_label, of_confound) in enumerate(sample.names):
            mine = (sample.cell == cell) & others
            if of_label == y and mine.any():
                means[of_confound] = (float(column[mine].mean()), int(sample.sizes[cell]))
        other = [pair for confound, pair in means.items() if confound != c]
        if c in means and other:
            whole = sum(size for _, size in other)
            cids[probe] = means[c][0] - sum(mean * size for mean, size in other) / whole
    return cids
