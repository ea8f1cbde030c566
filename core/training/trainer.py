"""A run from its settings to its last evaluation. `train` reads top to bottom; each step of it has a file of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.encoders.catalogue import MAX_PARAMETERS, resolve
from core.encoders.loading import labels_of, load_classifier, load_saved
from core.errors import UserError
from core.statistics.accuracy import aligned_labels
from core.training.batching import encode
from core.training.checkpoints import save_checkpoint
from core.training.config import TrainConfig
from core.training.demotion import Demotion
from core.training.device import choose_machine, deterministic
from core.training.evaluation import Evaluation, evaluate, failed_to_fit
from core.training.log import RunLog
from core.training.objectives import make_objective
from core.training.ranks import Ranks
from core.training.recorder import Recorder
from core.training.rounds import Joint, Rounds, RoundSchedule
from core.training.schedule import Schedule
from core.training.state import fingerprint, restore_state, save_state, seed_everything
from core.training.steps import LabelSteps
from core.training.trajectory import Trajectory
from core.training.tuples import codes, known_examples

SPLITS = ("train", "dev", "test")
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
    start: Path | None = None,
    allowed_roots: Sequence[Path] = (),
    max_parameters: int = MAX_PARAMETERS,
    state_seconds: float = STATE_SECONDS,
    ranks: Ranks | None = None,
) -> TrainResult:
    """Train a classifier on the frame's training rows and evaluate every split.

    folder: of this run. Checkpoints go below `checkpoints/`, and below `resume/` the state from which a second call
    with the same arguments goes on; on a CPU it ends with the same bits as a run that was never interrupted.
    start: a saved model to begin with in place of the encoder.
    max_parameters: a larger encoder is refused before its weights are read.
    state_seconds: time between two saved states; one is saved at every checkpoint and when the run is stopped, too.
    ranks: the processes that train this run together. Each of them calls this with the same arguments but for the
    recorder; only the first one's is told anything of weight, and only the first one writes.

    Raises:
        UserError: unusable settings, encoder or data.
    """
    ranks = ranks or Ranks()
    splits = {name: rows for name in SPLITS if len(rows := frame[frame["split"] == name].reset_index(drop=True))}
    if "train" not in splits:
        raise UserError("This data set has no training examples.")
    labels = sorted(frame["label"].unique())
    label, confound = (codes(splits["train"][name]) for name in ("label", "confound"))  # [N], [N]
    aligned = aligned_labels(splits["train"]["label"], splits["train"]["confound"])
    known = known_examples(config, label, confound)
    spec = resolve(config.encoder, config.revision, allowed_roots=allowed_roots)
    machine = choose_machine(config)
    device = ranks.title(machine.title)

    seed_everything(config.seed)
    if start:
        model, tokenizer = load_saved(start)
    else:
        model, tokenizer = load_classifier(spec, labels=labels, seed=config.seed, max_parameters=max_parameters)
    model.to(machine.device)
    data = encode(splits["train"], tokenizer, labels_of(model), max_length=config.max_length)
    schedule = Schedule(config, n=len(data), peak=config.lr_for(spec))
    steps = LabelSteps(config, model, make_objective(config, model, confound, known), machine, recorder.note, ranks)
    ranks.part_random_numbers(config.seed)
    demotion = Demotion(config.terms(), model, data, ranks=ranks) if config.terms() else None
    rounds = None
    if demotion and config.schedule == "joint":
        steps.added = Joint(config, demotion, known, label, confound)
    elif demotion:
        when = RoundSchedule(config, schedule.total, len(known.probes))
        rounds = Rounds(config, steps, demotion, when, known, label, confound, config.round_lr_for(spec))
    trajectory = None
    if config.diagnose_every or config.schedule == "once":
        trajectory = Trajectory(config, model, data, splits["train"], ranks)

    identity = fingerprint(config, data)
    position = restore_state(folder, identity, steps, rounds)
    recorder.rewind(position.step, position.tuning_step)
    if position.step or position.tuning_step:
        recorder.note(f"Going on after step {position.step} of {schedule.total}.")
    elif config.terms() or config.method == "adversarial":
        recorder.note(known.sentence())
    log = RunLog(recorder, schedule, position)

    def save(*, finished: bool) -> None:
        position = log.position(finished=finished)
        recorder.flush()
        save_state(folder, identity, position, steps, rounds)
        log.state_saved()

    def tried(rows: pd.DataFrame) -> Evaluation:
        return evaluate(model, tokenizer, rows, max_length=config.max_length, aligned=aligned, ranks=ranks)

    def orders(may_stop: bool) -> tuple[bool, bool]:
        """Whether to stop and whether to save. The first rank's word counts: it alone is asked, and clocks differ."""
        return may_stop and recorder.should_stop(), log.seconds_since_state() >= state_seconds

    with deterministic():
        for step in range(position.step + position.finished, schedule.total + 1):
            if step > position.step:
                log.add(step, steps.step(data, schedule.rows(step), schedule.lr(step), step))

            while rounds and (left := rounds.left_after(step)):
                log.begin_round(left[0], trajectory.cid if trajectory else None)
                log.tuned(step, rounds, rounds.step(left[0]))
                stopping, saving = ranks.first(orders, True)
                if stopping or saving:
                    save(finished=False)
                if stopping:
                    return TrainResult("stopped", step, log.seconds(), {}, False, device)

            if trajectory and (step == schedule.total or step % (config.diagnose_every or schedule.total) == 0):
                log.point(step, trajectory.cid())
            due = step in schedule.checkpoint_steps
            if due:
                path = ranks.first(save_checkpoint, folder, step, model, tokenizer)
                log.flush()
                recorder.checkpoint(step, step / schedule.steps_per_epoch, path, final=step == schedule.total)
                if "dev" in splits and step < schedule.total:
                    found = tried(splits["dev"])
                    log.evaluation(step, "dev", found)
            stopping, saving = ranks.first(orders, step > 0)
            if due or stopping or saving:
                save(finished=True)
            if stopping:
                return TrainResult("stopped", step, log.seconds(), {}, False, device)

        evaluations = {}
        for split, rows in splits.items():
            recorder.progress(schedule.total, schedule.total, f"Evaluating on {split}")
            evaluations[split] = tried(rows)
            log.evaluation(schedule.total, split, evaluations[split])

    failed = failed_to_fit(evaluations["train"])
    if failed:
        recorder.note("The model has not learned its training set: its accuracy there is about chance.")
    return TrainResult("done", schedule.total, log.seconds(), evaluations, failed, device)
