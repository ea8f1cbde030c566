"""Influence of training rows on probes, batch by batch, each rank its share of the batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from core.influence.by_layers import LayerSums
from core.influence.catalogue import ESTIMATORS
from core.influence.coverage import layer_names
from core.influence.memory import MOST_EXAMPLES, default_limit
from core.influence.scores import cosine_scores
from core.training.batching import Encoded, Rows, by_length
from core.training.ranks import Ranks

Told = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Grouping:
    """Groups of training examples to sum over: each row's group [n], how many there are, each probe's own row or −1 [P]."""

    group: Rows
    groups: int
    own: Rows


@dataclass(frozen=True)
class LayerTotals:
    """Names of the layers [L], and sums over groups and by probe [L, G, P]: of shares of the cosine, and of cosines within
    the layer. See `LayerSums`."""

    modules: tuple[str, ...]
    shares: NDArray[np.float64]
    within: NDArray[np.float64]


def scores_by_layer(
    model: PreTrainedModel,
    rows: Encoded,
    chosen: Rows,
    probes: Encoded,
    probe_rows: Rows,
    ranks: Ranks,
    grouping: Grouping,
    *,
    progress: Told | None = None,
) -> tuple[NDArray[Any], LayerTotals]:
    """As `scores_of` by gradient cosine, in one pass with the layers' sums over groups; the same on any number of ranks."""
    found: list[LayerSums] = []

    def watched(share: Sequence[Rows]) -> LayerSums:
        order = np.concatenate(share)  # [n of this rank]
        place = {int(row): number for number, row in enumerate(order)}
        sums = LayerSums(
            grouping.group[order].tolist(), grouping.groups, [place.get(int(row), -1) for row in grouping.own]
        )
        found.append(sums)
        return sums

    scores = scores_of(model, rows, chosen, probes, probe_rows, ranks, progress=progress, watched=watched)
    mine = found[0] if found else None
    parts = [
        part
        for part in ranks.gather(
            None
            if mine is None or mine.shares is None or mine.within is None
            else (mine.shares.numpy(), mine.within.numpy())
        )
        if part is not None
    ]
    shares, within = (sum(part[which] for part in parts) for which in (0, 1))
    return scores, LayerTotals(tuple(layer_names(model)), np.asarray(shares), np.asarray(within))


def scores_of(
    model: PreTrainedModel,
    rows: Encoded,
    chosen: Rows,
    probes: Encoded,
    probe_rows: Rows,
    ranks: Ranks,
    *,
    estimator: str = "cosine",
    progress: Told | None = None,
    watched: Callable[[Sequence[Rows]], LayerSums] | None = None,
) -> NDArray[Any]:
    """Influence [n, P] of the rows `chosen` on the examples `probe_rows` of `probes`.

    Computed in the order of the rows' lengths (little padding), and given in their own.

    Args:
        estimator: a name of `core.influence.catalogue`.
        progress: called with (done, total) of this rank's share.
        watched: makes what is shown every chunk of gradient cosines, from this rank's batches of places in `chosen`;
            for `cosine` only.

    Raises:
        InfluenceError: a cosine is undefined, as of an example whose gradient is zero or not finite.
    """
    device = model.device
    batch = most = MOST_EXAMPLES[device.type]  # what the engine takes at a time
    if device.type != "cpu":  # so large that some of several ranks might have none
        batch = max(1, min(most, -(-len(chosen) // ranks.size)))
    parts = np.array_split(probe_rows, -(-len(probe_rows) // most))
    probe_batches = [probes.batch(part, device) for part in parts]
    # Ranks on one CPU share its memory; GPUs have their own.
    memory = default_limit(device) // ranks.size if ranks.size > 1 and device.type == "cpu" else None

    def compute(share: Sequence[Rows]) -> NDArray[Any]:
        batches = [rows.batch(chosen[part], device) for part in share]
        if watched is not None:
            watch = watched(share).add
            scores = cosine_scores(model, batches, probe_batches, memory=memory, progress=progress, watch=watch)
        else:
            scores = ESTIMATORS[estimator].scorer()(model, batches, probe_batches, memory=memory, progress=progress)
        return scores.numpy()

    return ranks.rows(list(by_length(rows.lengths[chosen], batch)), compute)
