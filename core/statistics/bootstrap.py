"""How far mean CID would move with other probes and other training rows: a two-way bootstrap on the cached matrix."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.statistics.arrays import Floats, Ints
from core.statistics.design import Block, Design

_ENTRIES = 4_000_000
"""Entries of a chunk of resampling weights (32 MB as float64)."""


def resampled_cids(scores: npt.NDArray[Any], design: Design, *, draws: int, rng: np.random.Generator) -> Floats:
    """Mean CID of bootstrap samples; training rows and probes are resampled at once, each within its cells.

    From a cell of m examples m − 1 are drawn with replacement, and weighted up to m: the variance of a cell's mean is
    then s²/m with the unbiased s², where m draws would give (1 − 1/m) of that, 10 % too little for 10 probes a cell.
    A cell of one example stays as it is. A self-pair stays out of A in every draw; a probe whose A has nothing but
    itself left is out of that draw, and a draw without any probe is dropped, so up to `draws` values come back.

    Sources: Owen 2007 (two-way resampling, mildly conservative); McCarthy and Snowden 1985 (m − 1 draws).
    """
    weighted, weight = np.zeros(draws), np.zeros(draws)
    for block in design.blocks:
        keep = block.defined(block.probe_code)
        if not keep.any():
            continue
        cids, there = _block_cids(block, block.centred(scores), draws, rng)  # [draws, p]
        times = _probe_weights(block, np.flatnonzero(keep), draws, rng) * there  # [draws, p]
        weighted += (times * cids).sum(1)
        weight += times.sum(1)
    return weighted[weight > 0] / weight[weight > 0]


def _block_cids(block: Block, centred: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, npt.NDArray[Any]]:
    """Probe CIDs [draws, p] with resampled training rows, and whether each is defined."""
    p = len(block.probes)
    same, total = np.zeros((draws, p)), np.zeros((draws, p))  # Σ w·score over A, and over all of the label
    same_size, other_size = np.zeros((draws, p)), np.zeros((draws, p))
    for code, size in enumerate(block.counts):
        if size == 0:
            continue
        members = np.flatnonzero(block.code == code)  # [size]
        mine = block.probe_code == code  # [p]
        inside = np.flatnonzero(mine & block.in_training)
        own = np.searchsorted(members, block.own[inside])
        sums, own_weight = _cell_sums(centred[members], own, draws, rng)  # [draws, p], [draws, inside]
        total += sums
        same[:, mine] = sums[:, mine]
        same_size[:, mine] = size
        same_size[:, inside] -= own_weight
        other_size[:, ~mine] += size
    defined = (same_size > 1e-9) & (other_size > 0)
    cids = same / np.where(defined, same_size, 1) - (total - same) / np.where(defined, other_size, 1)
    return cids, defined


def _cell_sums(cell: Floats, own: Ints, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Weighted sums [draws, p] of a cell's scores [m, p], and the weights [draws, len(own)] of the rows `own`."""
    sums, own_weight = np.empty((draws, cell.shape[1])), np.empty((draws, len(own)))
    step = max(1, _ENTRIES // len(cell))
    for start in range(0, draws, step):
        part = slice(start, min(start + step, draws))
        weights = resampling_weights(len(cell), part.stop - start, rng)  # [chunk, m]
        sums[part] = weights @ cell
        own_weight[part] = weights[:, own]
    return sums, own_weight


def _probe_weights(block: Block, kept: Ints, draws: int, rng: np.random.Generator) -> Floats:
    weights = np.zeros((draws, len(block.probes)))
    for code in np.unique(block.probe_code[kept]):
        members = kept[block.probe_code[kept] == code]
        weights[:, members] = resampling_weights(len(members), draws, rng)
    return weights  # [draws, p]


def resampling_weights(m: int, draws: int, rng: np.random.Generator) -> Floats:
    """How often each of m examples is drawn, in m − 1 draws with replacement, times m / (m − 1): [draws, m]."""
    if m == 1:
        return np.ones((draws, 1))
    drawn = rng.integers(m, size=(draws, m - 1), dtype=np.int32).astype(np.intp)
    drawn += np.arange(draws)[:, None] * m
    counts = np.bincount(drawn.ravel(), minlength=draws * m).reshape(draws, m)
    weights: Floats = counts * np.float64(m / (m - 1))
    return weights
