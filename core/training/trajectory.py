"""CID while a run goes on: fixed probes against a fixed sample of the training set, at every point the same."""

import numpy as np
import pandas as pd
from transformers import PreTrainedModel

from core.influence.errors import InfluenceError
from core.statistics.errors import StatisticsError
from core.statistics.sampled import sample_cells, sampled_cids
from core.statistics.sampling import choose_probes
from core.training.batching import Encoded, Rows
from core.training.config import TrainConfig
from core.training.ranks import Ranks
from core.training.scoring import scores_of


class Trajectory:
    """Measures mean CID by gradient cosine, the same way at every call.

    Args:
        config: `diagnose_probes` probes, equally from the cells; `diagnose_rows` training rows from each cell.
        model: whose CID is measured, as it stands at each call.
        data, train: the training examples, encoded and as a frame, in one order.
        ranks: those that share the rows.

    Attributes:
        usable: False where the data define no CID (no counterexamples): `cid` then gives None.
    """

    def __init__(
        self,
        config: TrainConfig,
        model: PreTrainedModel,
        data: Encoded,
        train: pd.DataFrame,
        ranks: Ranks | None = None,
    ) -> None:
        self._model, self._data, self._train, self._ranks = model, data, train, ranks or Ranks()
        try:
            choice = choose_probes(train["label"], train["confound"], seed=config.seed, probes=config.diagnose_probes)
            self._probes: Rows = choice.rows
        except StatisticsError:
            self._probes = np.empty(0, dtype=np.int64)
        self.usable = len(self._probes) > 0
        self._sample = sample_cells(train["label"], train["confound"], per_cell=config.diagnose_rows, seed=config.seed)

    def cid(self) -> float | None:
        """Mean CID over the probes; None where it is undefined, as for a model whose gradients are not finite."""
        if not self.usable:
            return None
        try:
            scores = scores_of(
                self._model, self._data, self._sample.rows, self._data, self._probes, self._ranks
            )  # [n, P]
        except InfluenceError:
            return None
        table = self._train.iloc[self._probes]
        cids = sampled_cids(
            scores.astype(np.float64), self._sample, table["label"], table["confound"], self._probes
        )  # [P]
        return float(np.nanmean(cids)) if np.isfinite(cids).any() else None
