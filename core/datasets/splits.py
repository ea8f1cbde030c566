"""Cut a dev split off the training rows."""

import numpy as np
import pandas as pd

from core.datasets.errors import DataError
from core.datasets.fold import folded


def cut_dev(frame: pd.DataFrame, *, dev_fraction: float, seed: int) -> "pd.Series[str]":
    """The split column with `dev_fraction` of each label × confound cell of train turned into dev.

    Rounded per cell; the same rows and seed give the same cut. Rows with equal text go together, so that the cut itself
    never leaks a text, and no cell loses its last training example. Raises `DataError` where nothing can be cut off.
    """
    if not 0 < dev_fraction < 1:
        raise DataError("The share that is cut off as dev must lie between 0 and 1, such as 0.2.")
    train = frame[frame["split"] == "train"]
    cell = train.groupby(["label", "confound"], sort=True).ngroup().to_numpy()
    size = np.bincount(cell)
    wanted = np.minimum(np.floor(size * dev_fraction + 0.5).astype(int), size - 1)
    taken = np.zeros_like(size)
    text = pd.factorize(folded(train))[0]
    members = pd.Series(np.arange(len(train))).groupby(text).indices
    chosen = np.zeros(len(train), dtype=bool)
    order = np.random.default_rng(seed).permutation(len(members))
    for group in order:
        rows = members[group]
        needed = np.bincount(cell[rows], minlength=len(size))
        if (taken + needed <= wanted).all():
            taken += needed
            chosen[rows] = True
    if not chosen.any():
        raise DataError(
            f"The {len(train):,} training rows are too few to cut a dev split off. Add rows, or give a dev file."
        )
    split = frame["split"].copy()
    split.loc[train.index[chosen]] = "dev"
    return split
