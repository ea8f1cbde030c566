"""Has the model learned its training set at all?"""

from math import ceil

import scipy

from core.statistics.errors import StatisticsError

MARGIN = 0.1
"""A model has learned when it covers more than this share of the way from chance to 100 % on its training set."""

ALPHA = 0.01
"""… and the exact binomial test is this sure of it."""


def has_learned(train_accuracy: float, n_train: int, chance: float) -> bool:
    """Whether accuracy on the training set is clearly above chance.

    Exact one-sided binomial test of H0 "the true accuracy is at most chance + MARGIN · (1 − chance)", rejected at
    ALPHA. The margin is there because in a large training set 51 % differs significantly from a coin and is still a
    collapsed model; a run that fails here is what the tables count as "failed to fit".

    train_accuracy, chance: in [0, 1]; chance is the best constant guess on the training set (the largest label's
    share). A model that follows the confound alone passes: it has learned something, and CID shows what.
    """
    if not (0 <= train_accuracy <= 1 and 0 <= chance <= 1):
        raise StatisticsError(f"Accuracy {train_accuracy} and chance {chance} must lie between 0 and 1.")
    if n_train < 1:
        raise StatisticsError("Without training examples nobody can say whether the model has learned.")
    bound = chance + MARGIN * (1 - chance)
    if bound >= 1:
        return False
    correct = ceil(train_accuracy * n_train - 0.5)
    return bool(scipy.special.bdtrc(correct - 1, n_train, bound) < ALPHA)
