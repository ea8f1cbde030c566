"""Influence of training rows on probes, batch by batch, each rank its share of the batches."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from core.influence.embedding import embedding_scores
from core.influence.memory import default_limit
from core.influence.scores import cosine_scores
from core.training.batching import Encoded, Rows, by_length
from core.training.ranks import Ranks

BATCH = 32

Told = Callable[[int, int | None], None]


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
) -> NDArray[Any]:
    """Influence [n, P] of the rows `chosen` on the examples `probe_rows` of `probes`.

    Computed in the order of the rows' lengths (little padding), and given in their own.

    Args:
        estimator: `cosine` (of gradients) or `embedding`.
        progress: called with (done, total) of this rank's share.

    Raises:
        InfluenceError: a cosine is undefined, as of an example whose gradient is zero or not finite.
    """
    device = model.device
    parts = np.array_split(probe_rows, -(-len(probe_rows) // BATCH))
    probe_batches = [probes.batch(part, device) for part in parts]
    # Ranks on one CPU share its memory; GPUs have their own.
    memory = default_limit(device) // ranks.size if ranks.size > 1 and device.type == "cpu" else None

    def compute(share: Sequence[Rows]) -> NDArray[Any]:
        batches = [rows.batch(chosen[part], device) for part in share]
        scores: Tensor
        if estimator == "cosine":
            scores = cosine_scores(model, batches, probe_batches, memory=memory, progress=progress)
        else:
            scores = embedding_scores(model, batches, probe_batches, progress=progress)
        return scores.numpy()

    return ranks.rows(list(by_length(rows.lengths[chosen], BATCH)), compute)
