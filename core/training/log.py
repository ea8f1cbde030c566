"""What a run tells while it goes on: steps become metrics, tuning steps become round reports, over all interruptions."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import numpy as np

from core.training.demotion import Difference
from core.training.evaluation import Evaluation
from core.training.recorder import Metric, Recorder, RoundReport
from core.training.rounds import Rounds
from core.training.schedule import Schedule
from core.training.state import Position
from core.training.steps import StepResult

WINDOW = 20
"""Label steps over which the running training accuracy is taken."""

FLUSH_SECONDS = 2.0
"""The longest that a label step waits to be reported. The first is reported at once; the time between two reports doubles from
there up to this, since each makes a GPU wait for what it has computed."""

Measure = Callable[[], float | None]


@dataclass
class RoundLog:
    """What the round that goes on has reported so far: J and the difference of each tuning step; CID before it and after
    each epoch (None where undefined), if a curve is asked for; the run's clock at its beginning."""

    began: float
    measure: Measure | None = None
    loss: list[float] = field(default_factory=list)
    difference: list[float] = field(default_factory=list)
    cid: list[float | None] = field(default_factory=list)

    def saved(self) -> dict[str, object]:
        """What a state keeps of it."""
        return {"began": self.began, "loss": self.loss, "difference": self.difference, "cid": self.cid}


class RunLog:
    """Reports to the recorder, and keeps the clock and the running training accuracy over interruptions."""

    def __init__(self, recorder: Recorder, schedule: Schedule, position: Position) -> None:
        self.recorder, self.schedule = recorder, schedule
        self.step, self.tuning_step = position.step, position.tuning_step
        self.round = RoundLog(**position.round) if position.round else None
        self.window = deque(position.window, maxlen=WINDOW)
        self.before, self.start = position.seconds, monotonic()
        self.flushed = self.saved = self.start
        self.waiting: list[tuple[int, float, StepResult]] = []

    def seconds(self) -> float:
        """Time that the run has used, over all attempts."""
        return self.before + monotonic() - self.start

    def add(self, step: int, result: StepResult) -> None:
        """Note a finished label step; the recorder hears of it within FLUSH_SECONDS."""
        self.step = step
        self.waiting.append((step, self.seconds(), result))
        if monotonic() - self.flushed >= min(FLUSH_SECONDS, self.flushed - self.start) or step == self.schedule.total:
            self.flush()

    def flush(self) -> None:
        """Report all label steps that wait."""
        rows: list[Metric] = []
        for step, seconds, result in self.waiting:
            self.window.append((int(result.correct.item()), result.n))
            right, n = (sum(column) for column in zip(*self.window, strict=True))
            values = {
                "label_loss": float(result.loss.item()),
                "lr": self.schedule.lr(step),
                "running_accuracy": right / n,
                "grad_norm": float(result.norm.item()),
                "seconds": seconds,
            }
            if result.extra is not None:
                name = "confound_loss" if self.schedule.config.method == "adversarial" else "joint_loss"
                values[name] = float(result.extra.item())
            rows += [Metric(step, name, value) for name, value in values.items()]
        if rows:
            self.recorder.metrics(rows)
            loss = float(self.waiting[-1][2].loss.item())
            message = f"Epoch {self.schedule.epoch(self.step) + 1} of {self.schedule.epochs}, loss {loss:.3f}"
            self.recorder.progress(self.step, self.schedule.total, message)
        self.waiting, self.flushed = [], monotonic()

    def begin_round(self, number: int, measure: Measure | None) -> None:
        """Before each tuning step: if it is the first of its round, report CID before it."""
        if self.round is not None:
            self.round.measure = measure
            return
        self.flush()
        self.round = RoundLog(self.seconds(), measure)
        if measure:
            self.round.cid.append(measure())
            self._point(number - 1, "round_cid", self.round.cid[-1])

    def tuned(self, step: int, rounds: Rounds, found: Difference) -> None:
        """Report the tuning step just done; where an epoch or the round ends with it, that too."""
        number, when, log = rounds.tuning_step, rounds.schedule, self.round
        assert log is not None
        self.tuning_step = number
        log.loss.append(found.loss)
        log.difference.append(found.difference)
        values = {"round_loss": found.loss, "round_difference": found.difference}
        self.recorder.metrics([Metric(number, name, value) for name, value in values.items()])
        if rounds.ends_epoch(number) and log.measure:
            log.cid.append(log.measure())
            self._point(number, "round_cid", log.cid[-1])
        epochs = rounds.config.epochs_per_round()
        said = f"Round {rounds.number_after(step)} of {len(when.after)}, epoch {rounds.epoch_of(number)} of {epochs}"
        whole = when.per_round * len(when.after)
        done, total = (step, self.schedule.total) if self.schedule.total else (number, whole)
        self.recorder.progress(done, total, f"{said}, J {found.loss:.4f}")
        if number % when.per_round == 0:
            self._end_round(step, rounds, log)

    def evaluation(self, step: int, split: str, found: Evaluation) -> None:
        """Report an evaluation, and its two headline numbers as metrics."""
        self.recorder.evaluation(step, split, found)
        for name in ("accuracy", "worst_cell"):
            self._point(step, f"{split}_{name}", float(found.report[name]))

    def point(self, step: int, cid: float | None) -> None:
        """Report a point of the CID curve."""
        self._point(step, "cid", cid)

    def position(self, *, finished: bool) -> Position:
        """What has to be saved to go on from here. Everything up to here is reported first."""
        self.flush()
        unfinished = self.round.saved() if self.round else None
        return Position(self.step, self.tuning_step, finished, self.seconds(), tuple(self.window), unfinished)

    def seconds_since_state(self) -> float:
        """Time since the state was last saved, or since the start."""
        return monotonic() - self.saved

    def state_saved(self) -> None:
        """The state is on disk now."""
        self.recorder.state_saved()
        self.saved = monotonic()

    def _point(self, step: int, name: str, value: float | None) -> None:
        if value is not None:
            self.recorder.metrics([Metric(step, name, value)])

    def _end_round(self, step: int, rounds: Rounds, log: RoundLog) -> None:
        when = rounds.schedule

        def by_epoch(values: list[float]) -> tuple[float, ...]:
            return tuple(np.reshape(values, (-1, when.per_epoch)).mean(axis=1).tolist())

        self.recorder.round(
            RoundReport(
                number=rounds.number_after(step),
                step=step,
                first=rounds.tuning_step - when.per_round + 1,
                last=rounds.tuning_step,
                kind="+".join(rounds.demotion.terms),
                lr=rounds.lr,
                probes=min(rounds.config.probes_per_epoch, when.probes),
                seconds=self.seconds() - log.began,
                loss=by_epoch(log.loss),
                difference=by_epoch(log.difference),
                cid=tuple(log.cid),
            )
        )
        self.round = None
