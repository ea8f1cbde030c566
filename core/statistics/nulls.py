"""What mean CID would be if the confound played no part: a permutation null on the cached matrix."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.statistics.arrays import Floats, Ints
from core.statistics.design import Block, Design

_ENTRIES = 4_000_000
"""Entries of a chunk of permuted codes (32 MB as float64)."""


def permuted_cids(scores: npt.NDArray[Any], design: Design, *, draws: int, rng: np.random.Generator) -> Floats:
    """Mean CID [draws] under random reassignments of the confound within each label.

    H0: given the label, the confound is unrelated to the scores. What may be exchanged under it: probes are chosen
    *by* their confound (equally per cell), so the confound counts among the probes are fixed by design. Therefore
    confound values are permuted among the training rows that are no probes, separately among the probes that are
    training rows (such an example carries its new value in both its roles, as a row and as a probe), and separately
    among held-out probes. Every count n_a, n_b and the number of probes of each cell stay as observed. The restricted
    permutation is valid for probes chosen without regard to the confound, too.

    Cost: one matrix product [draws, n] @ [n, p] for each label and confound value.
    """
    total, defined = np.zeros(draws), 0
    for block in design.blocks:
        if not block.defined(block.probe_code).any():
            continue
        sums, count = _block_sums(block, block.centred(scores), draws, rng)
        total += sums
        defined += count
    return total / defined


def _block_sums(block: Block, centred: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, int]:
    """Σ of the block's defined probe CIDs [draws], and how many are defined (the same in every draw)."""
    training = np.flatnonzero(block.in_training)  # [q]
    others = np.setdiff1d(np.arange(len(block.rows)), block.own[training])  # [n − q]
    probe_code = _permuted_probe_codes(block, draws, rng)  # [draws, p]
    needed = np.unique(probe_code)
    same = np.zeros((draws, len(block.probes)))  # Σ of scores over A, filled code by code
    scores_of_others = centred[others]  # [n − q, p]
    scores_of_probes = centred[block.own[training]]  # [q, p]
    step = max(1, _ENTRIES // max(len(others), 1))
    small = block.code[others].astype(np.int16)
    for start in range(0, draws, step):
        part = slice(start, min(start + step, draws))
        codes = rng.permuted(np.broadcast_to(small, (part.stop - start, len(others))), axis=1)  # [chunk, n − q]
        for code in needed:
            sums = (codes == code).astype(np.float64) @ scores_of_others  # [chunk, p]
            sums += (probe_code[part][:, training] == code).astype(np.float64) @ scores_of_probes
            same[part] = np.where(probe_code[part] == code, sums, same[part])
    n_a, n_b = block.sizes(probe_code)  # [draws, p]
    defined = (n_a > 0) & (n_b > 0)
    cid = same / np.maximum(n_a, 1) - (centred.sum(0) - same) / np.maximum(n_b, 1)  # [draws, p]
    return np.where(defined, cid, 0.0).sum(1), int(defined[0].sum())


def _permuted_probe_codes(block: Block, draws: int, rng: np.random.Generator) -> Ints:
    codes = np.tile(block.probe_code, (draws, 1))  # [draws, p]
    for stratum in (np.flatnonzero(block.in_training), np.flatnonzero(~block.in_training)):
        codes[:, stratum] = rng.permuted(codes[:, stratum], axis=1)
    return codes


def two_sided_p(observed: float, null: Floats) -> float:
    """min(1, 2 · min(p↑, p↓)), p↑ = (1 + #{null ≥ observed}) / (1 + draws), p↓ alike with ≤.

    The +1 counts the observed arrangement as one of those possible, so p is never 0 (Phipson and Smyth 2010).
    Differences within rounding count as ties.
    """
    slack = 1e-9 * max(abs(observed), float(np.abs(null).max()))
    up = 1 + int((null >= observed - slack).sum())
    down = 1 + int((null <= observed + slack).sum())
    return min(1.0, 2 * min(up, down) / (1 + len(null)))
