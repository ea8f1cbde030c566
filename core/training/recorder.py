"""How a run tells what it does. The trainer knows these few plain methods and no database."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.training.evaluation import Evaluation


@dataclass(frozen=True)
class Metric:
    """One number after one label step (steps count from 1).

    Numbers of tuning steps have names that begin with `round_`; their steps count tuning steps, over all rounds.
    """

    step: int
    name: str
    value: float


@dataclass(frozen=True)
class RoundReport:
    """What a finished tuning round did.

    number: from 1; step: the label step it followed; first, last: its tuning steps; lr, probes (a tuning epoch), seconds;
    loss: J, mean over each tuning epoch; difference: mean_A I − mean_B I alike; cid: mean CID on the fixed probes before
    the round and after each tuning epoch (empty where no curve was asked for, None where undefined).
    """

    number: int
    step: int
    first: int
    last: int
    kind: str
    lr: float
    probes: int
    seconds: float
    loss: tuple[float, ...]
    difference: tuple[float, ...]
    cid: tuple[float | None, ...]


class Recorder(Protocol):
    """Takes what the trainer reports. An exception raised here ends the run, so transient faults are retried within.

    Everything reported for a step comes before the state of that step is saved. After an interruption the trainer
    calls `rewind(step, tuning_step)` with the saved position and reports everything later once more; with `rewind`
    deleting what came later, and a second report of the same step taking the place of the first, a resumed run has
    neither gaps nor duplicates.
    """

    def rewind(self, step: int, tuning_step: int) -> None:
        """Forget metrics, checkpoints and evaluations of label steps later than `step`, and metrics and rounds that
        end later than `tuning_step`; 0 forgets all of them."""

    def progress(self, step: int, total: int, message: str) -> None:
        """`step` of `total` label steps are done; of a run without label steps, tuning steps. Comes with every batch of
        metrics, some seconds apart."""

    def metrics(self, rows: Sequence[Metric]) -> None:
        """A batch of numbers, in order of their steps."""

    def round(self, report: RoundReport) -> None:
        """A tuning round is over."""

    def flush(self) -> None:
        """Make everything reported so far last, before a state is saved that builds on it."""

    def checkpoint(self, step: int, epoch: float, folder: Path, *, final: bool) -> None:
        """A model has been saved whole in `folder`."""

    def evaluation(self, step: int, split: str, evaluation: Evaluation) -> None:
        """The model after `step` was tried on a split. May come twice for the same step and split: the later counts."""

    def state_saved(self) -> None:
        """The state to go on from is in the run's folder now."""

    def note(self, sentence: str) -> None:
        """Something a person should read in the log."""

    def should_stop(self) -> bool:
        """Whether to save the state and leave. Asked at every step, so it must be cheap."""


class Silent(Recorder):
    """Of a rank that is not the first: nobody needs to hear everything twice."""

    def rewind(self, step: int, tuning_step: int) -> None:
        """Nothing."""

    def progress(self, step: int, total: int, message: str) -> None:
        """Nothing."""

    def metrics(self, rows: Sequence[Metric]) -> None:
        """Nothing."""

    def round(self, report: RoundReport) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""

    def checkpoint(self, step: int, epoch: float, folder: Path, *, final: bool) -> None:
        """Nothing."""

    def evaluation(self, step: int, split: str, evaluation: Evaluation) -> None:
        """Nothing."""

    def state_saved(self) -> None:
        """Nothing."""

    def note(self, sentence: str) -> None:
        """Nothing."""

    def should_stop(self) -> bool:
        """Never asked; the first rank's word counts."""
        return False
