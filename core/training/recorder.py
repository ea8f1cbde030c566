"""How a run tells what it does. The trainer knows these few plain methods and no database."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.training.evaluation import Evaluation


@dataclass(frozen=True)
class Metric:
    """One number after one label step (steps count from 1)."""

    step: int
    name: str
    value: float


class Recorder(Protocol):
    """Takes what the trainer reports. An exception raised here ends the run, so transient faults are retried within.

    Everything reported for a step comes before the state of that step is saved. After an interruption the trainer
    calls `rewind(step)` with the saved step and reports everything later once more; with `rewind` deleting what came
    later, a resumed run has neither gaps nor duplicates.
    """

    def rewind(self, step: int) -> None:
        """Forget metrics, checkpoints and evaluations of steps later than `step`; 0 forgets all of them."""

    def progress(self, step: int, total: int, message: str) -> None:
        """`step` of `total` label steps are done. Comes with every batch of metrics, some seconds apart."""

    def metrics(self, rows: Sequence[Metric]) -> None:
        """A batch of numbers, in order of their steps."""

    def checkpoint(self, step: int, epoch: float, folder: Path, *, final: bool) -> None:
        """A model has been saved whole in `folder`."""

    def evaluation(self, step: int, split: str, evaluation: Evaluation) -> None:
        """The model after `step` was tried on a split. May come twice for the same step and split: the later counts."""

    def note(self, sentence: str) -> None:
        """Something a person should read in the log."""

    def should_stop(self) -> bool:
        """Whether to save the state and leave. Asked at every step, so it must be cheap."""
