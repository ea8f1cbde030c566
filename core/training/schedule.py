"""When things happen in a run: pure functions of the step, so that there is no state to save."""

from dataclasses import dataclass
from math import ceil

from core.training.batching import Rows, epoch_order
from core.training.config import TrainConfig

_EPOCHS_BETWEEN = 100_000
"""A run that goes on from another's checkpoint sees the examples in an order of its own."""


@dataclass(frozen=True)
class Schedule:
    """Label steps of a run, counted from 1. n: training examples; peak: the highest learning rate."""

    config: TrainConfig
    n: int
    peak: float

    @property
    def steps_per_epoch(self) -> int:
        """The last batch of an epoch holds what is left."""
        return ceil(self.n / self.config.batch_size)

    @property
    def total(self) -> int:
        """Label steps of the whole run."""
        if self.config.label_steps is not None:
            return self.config.label_steps
        return self.steps_per_epoch * self.config.label_epochs

    @property
    def epochs(self) -> int:
        """Passes over the training set, the last one perhaps not whole."""
        return ceil(self.total / self.steps_per_epoch)

    @property
    def checkpoint_steps(self) -> list[int]:
        """Evenly spaced, the last one always among them; fewer when there are fewer steps than checkpoints. A run
        without label steps has one, at 0."""
        if self.total == 0:
            return [0]
        wanted = min(self.config.checkpoints, self.total)
        return [round(self.total * k / wanted) for k in range(1, wanted + 1)]

    def epoch(self, step: int) -> int:
        """The epoch (from 0) that a step belongs to."""
        return (step - 1) // self.steps_per_epoch

    def rows(self, step: int) -> Rows:
        """The training examples of a step, [B]."""
        place = (step - 1) % self.steps_per_epoch * self.config.batch_size
        epoch = self.epoch(step) + _EPOCHS_BETWEEN * self.config.lineage
        order = epoch_order(self.n, seed=self.config.seed, epoch=epoch)  # [n]
        return order[place : place + self.config.batch_size]

    def lr(self, step: int) -> float:
        """Linear warm-up to the peak, then linear decay; the last step still moves.

        s/W for s ≤ W, and (T − s + 1)/(T − W) after that, times the peak; W = warm-up steps, T = all steps.
        """
        warm = round(self.config.warmup * self.total)
        if step <= warm:
            return self.peak * step / warm
        return self.peak * (self.total - step + 1) / (self.total - warm)
