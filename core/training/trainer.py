"""A run from its settings to its last evaluation. `train` reads top to bottom; each step of it has a file of its own."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pandas as pd

from core.encoders.catalogue import resolve
from core.encoders.loading import load_classifier
from core.errors import UserError
from core.statistics.accuracy import aligned_labels
from core.training.batching import encode
from core.training.checkpoints import save_checkpoint
from core.training.config import TrainConfig
from core.training.device import choose_machine, deterministic
from core.training.evaluation import Evaluation, evaluate, failed_to_fit
from core.training.objectives import make_objective
from core.training.recorder import Metric, Recorder
from core.training.schedule import Schedule
from core.training.state import Position, fingerprint, restore_state, save_state, seed_everything
from core.training.steps import LabelSteps, StepResult

SPLITS = ("train", "dev", "test")
WINDOW = 20
"""Label steps over which the running training accuracy is taken."""

FLUSH_SECONDS = 2.0
STATE_SECONDS = 120.0


@dataclass(frozen=True)
class TrainResult:
    """How a run ended.

    status: `done`, or `stopped` when the recorder asked for it (the same call goes on from there). steps: label steps
    done; seconds: over all attempts; evaluations: split → evaluation of the final model (empty when stopped);
    failed_to_fit: about chance on the training set; device: where and in which precision.
    """

    status: str
    steps: int
    seconds: float
    evaluations: dict[str, Evaluation]
    failed_to_fit: bool
    device: str


def train(
    config: TrainConfig,
    frame: pd.DataFrame,
    folder: Path,
    recorder: Recorder,
    *,
    allowed_roots: Sequence[Path] = (),
    state_seconds: float = STATE_SECONDS,
) -> TrainResult:
    """Train a classifier on the frame's training rows and evaluate every split.

    folder: of this run. Checkpoints go below `checkpoints/`, and below `resume/` the state from which a second call
    with the same arguments goes on; on a CPU it ends with the same bits as a run that was never interrupted.
    state_seconds: time between two saved states; one is saved at every checkpoint and when the run is stopped, too.

    Raises:
        UserError: unusable settings, encoder or data.
    """
    splits = {name: rows for name in SPLITS if len(rows := frame[frame["split"] == name].reset_index(drop=True))}
    if "train" not in splits:
        raise UserError("This data set has no training examples.")
    labels = sorted(frame["label"].unique())
    aligned = aligned_labels(splits["train"]["label"], splits["train"]["confound"])
    spec = resolve(config.encoder, config.revision, allowed_roots=allowed_roots)
    machine = choose_machine(config)

    seed_everything(config.seed)
    model, tokenizer = load_classifier(spec, labels=labels, seed=config.seed)
    model.to(machine.device)
    data = encode(splits["train"], tokenizer, labels, max_length=config.max_length)
    schedule = Schedule(config, n=len(data), peak=config.lr_for(spec))
    steps = LabelSteps(config, model, make_objective(config), machine, recorder.note)

    identity = fingerprint(config, data)
    position = restore_state(folder, identity, steps)
    recorder.rewind(position.step)
    if position.step:
        recorder.note(f"Going on after step {position.step} of {schedule.total}.")
    log = StepLog(recorder, schedule, position)

    with deterministic():
        for step in range(position.step + 1, schedule.total + 1):
            result = steps.step(data, schedule.rows(step), schedule.lr(step))
            log.add(step, result)

            due = step in schedule.checkpoint_steps
            if due:
                path = save_checkpoint(folder, step, model, tokenizer)
                log.flush()
                recorder.checkpoint(step, step / schedule.steps_per_epoch, path, final=step == schedule.total)
                if "dev" in splits and step < schedule.total:
                    found = evaluate(model, tokenizer, splits["dev"], max_length=config.max_length, aligned=aligned)
                    log.evaluation(step, "dev", found)
            stopping = recorder.should_stop()
            if due or stopping or log.seconds_since_state() >= state_seconds:
                save_state(folder, identity, log.position(), steps)
                log.state_saved()
            if stopping:
                return TrainResult("stopped", step, log.seconds(), {}, False, machine.title)

        evaluations = {}
        for split, rows in splits.items():
            recorder.progress(schedule.total, schedule.total, f"Evaluating on {split}")
            evaluations[split] = evaluate(model, tokenizer, rows, max_length=config.max_length, aligned=aligned)
            log.evaluation(schedule.total, split, evaluations[split])

    failed = failed_to_fit(evaluations["train"])
    if failed:
        recorder.note("The model has not learned its training set: its accuracy there is about chance.")
    return TrainResult("done", schedule.total, log.seconds(), evaluations, failed, machine.title)


class StepLog:
    """Turns step results into metrics, and keeps the clock and the running training accuracy over interruptions."""

    def __init__(self, recorder: Recorder, schedule: Schedule, position: Position) -> None:
        self.recorder, self.schedule = recorder, schedule
        self.step = position.step
        self.window = deque(position.window, maxlen=WINDOW)
        self.before, self.start = position.seconds, monotonic()
        self.flushed = self.saved = self.start
        self.waiting: list[tuple[int, float, StepResult]] = []

    def seconds(self) -> float:
        """Time that the run has used, over all attempts."""
        return self.before + monotonic() - self.start

    def add(self, step: int, result: StepResult) -> None:
        """Note a finished step; the recorder hears of it within FLUSH_SECONDS."""
        self.step = step
        self.waiting.append((step, self.seconds(), result))
        if monotonic() - self.flushed >= FLUSH_SECONDS or step == self.schedule.total:
            self.flush()

    def flush(self) -> None:
        """Report all steps that wait."""
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
            rows += [Metric(step, name, value) for name, value in values.items()]
        self.waiting, self.flushed = [], monotonic()
        if rows:
            self.recorder.metrics(rows)
            epoch, loss = self.schedule.epoch(self.step) + 1, rows[-5].value
            message = f"Epoch {epoch} of {self.schedule.config.label_epochs}, loss {loss:.3f}"
            self.recorder.progress(self.step, self.schedule.total, message)

    def evaluation(self, step: int, split: str, found: Evaluation) -> None:
        """Report an evaluation, and its two headline numbers as metrics."""
        self.recorder.evaluation(step, split, found)
        names = ("accuracy", "worst_cell")
        self.recorder.metrics([Metric(step, f"{split}_{name}", float(found.report[name])) for name in names])

    def position(self) -> Position:
        """What has to be saved to go on from here. Everything up to here is reported first."""
        self.flush()
        return Position(self.step, self.seconds(), tuple(self.window))

    def seconds_since_state(self) -> float:
        """Time since the state was last saved, or since the start."""
        return monotonic() - self.saved

    def state_saved(self) -> None:
        """The state is on disk now."""
        self.saved = monotonic()
