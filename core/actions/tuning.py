"""Rounds by hand: from any checkpoint of any run a child run, with one round and, if wanted, label steps after it; or
with label steps alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.actions.names import free_name
from core.actions.quotas import check_quotas
from core.actions.training import Started, suited_round
from core.encoders.catalogue import ByHand, EncoderSpec, resolve
from core.errors import UserError
from core.jobs.launch import ensure_worker
from core.jobs.queue import submit
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Run
from core.training.config import TrainConfig

LABEL = "label"
KINDS = ("influence", "embedding", "combined", LABEL)
"""What a child run does first: a round of that kind, or nothing but label steps."""


def start_tuning(
    store: Store,
    settings: Settings,
    run: Run,
    *,
    kind: str,
    checkpoint: str = "final",
    options: Mapping[str, str] | None = None,
    then_label_steps: int | None = None,
    name: str | None = None,
    then_diagnose: bool = False,
    probes: int = 40,
) -> Started:
    """Queue a child run that begins with a checkpoint's weights, does one round, then label steps if any are wanted.

    The label steps have a schedule of their own: warm-up to `label_lr`, then down to zero.

    Args:
        kind: "influence", "embedding", "combined", or "label" for label steps without a round.
        checkpoint: "final", or a label step of the parent that has a checkpoint.
        options: further settings of `TrainConfig`, as text; the parent's hold where none is given.
        then_label_steps: None for what is usual with the encoder (an epoch).
        then_diagnose: queue a diagnosis of the final model, in the way in which the checkpoint was last diagnosed, so
            that both ask the same probes; where it was not, with so many `probes`.

    Raises:
        UserError: no such kind or checkpoint, its weights are not kept, or an option is not usable; nothing was queued.
    """
    if kind not in KINDS:
        raise UserError(f"There is no round of the kind {kind!r}. Known are {', '.join(KINDS)}.")
    spec = spec_of(settings, run)
    if then_label_steps is None:
        dataset = queries.get_dataset(store, run.dataset_id)
        then_label_steps = 0 if kind == LABEL else usual_label_steps(run, dataset, spec)
    if then_label_steps < 0:
        raise UserError(f"{then_label_steps} label steps cannot follow a round; give 0 or more.")
    if kind == LABEL and then_label_steps == 0:
        raise UserError("Label steps alone need a number of label steps, 1 or more; with 0 nothing would change.")
    start = queries.get_checkpoint(store, run, checkpoint)
    if start.path is None:
        raise UserError(
            f"The weights of {run.name!r} at step {start.step} are not kept, so nothing can go on from there. "
            "Train a run of your own, or choose another checkpoint."
        )
    config = child_config(run, kind, options or {}, then_label_steps, spec)
    check_quotas(settings, config)
    child = Run(
        name=free_name(store, Run, name, f"{run.name}-{start.step}-{kind}"),
        dataset_id=run.dataset_id,
        parent_id=run.id,
        parent_step=start.step,
        method=config.method,
        encoder=run.encoder,
        encoder_revision=run.encoder_revision,
        seed=config.seed,
        config=config.model_dump(mode="json"),
        data_sha256=run.data_sha256,
    )
    how = diagnosed_like(store, run, start.step) or {"probes": probes, "seed": config.seed}
    with store.writing() as session:
        session.add(child)
        session.flush()
        job = submit(session, "train", {}, run_id=child.id, max_queue=settings.max_queue)
        diagnosis = None
        if then_diagnose:
            wish = {"checkpoint": "final", **how}
            diagnosis = submit(session, "diagnose", wish, run_id=child.id, after=job, max_queue=settings.max_queue)
    ensure_worker(settings)
    return Started(child, job, diagnosis)


def spec_of(settings: Settings, run: Run) -> EncoderSpec:
    """What is known of a run's encoder.

    Raises:
        EncoderError: it cannot be named any more.
    """
    return resolve(run.encoder, run.config.get("revision"), allowed_roots=settings.local_models)


def usual_label_steps(run: Run, dataset: Dataset, spec: EncoderSpec | None) -> int:
    """Label steps that follow a round by hand where nothing else is said."""
    share = (spec.by_hand if spec is not None else ByHand()).label_epochs
    return max(1, round(share * an_epoch(run, dataset)))


def an_epoch(run: Run, dataset: Dataset) -> int:
    """Label steps of one pass over the training set."""
    n = int(dataset.profile["splits"]["train"]["n"])
    return max(1, -(-n // int(run.config.get("batch_size", TrainConfig.model_fields["batch_size"].default))))


def child_config(
    run: Run, kind: str, options: Mapping[str, str], then_label_steps: int, spec: EncoderSpec | None
) -> TrainConfig:
    """The settings of a child run: the parent's, except for the round, the length and what is asked for.

    The round is as large and as gentle as suits the encoder; where the parent had rounds, it has their batch and number
    of probes.
    """
    kept = {key: value for key, value in run.config.items() if key not in _NOT_INHERITED}
    given = TrainConfig.parse(options).model_dump(include=set(options))
    suited: dict[str, Any] = {}
    if spec is not None and kind != LABEL:
        suited = _by_hand(spec, kind)
        if TrainConfig.of(run.config).terms():
            suited = {key: value for key, value in suited.items() if key not in _SIZE}
    return TrainConfig.of(
        {
            **kept,
            **suited,
            **given,
            "method": "finetune" if kind == LABEL else f"{kind}-tuning",
            "schedule": "once",
            "label_steps": then_label_steps,
            "checkpoints": given.get("checkpoints", 1 if then_label_steps == 0 else kept.get("checkpoints", 5)),
            "lineage": int(run.config.get("lineage", 0)) + 1,
        }
    )


def _by_hand(spec: EncoderSpec, kind: str) -> dict[str, Any]:
    """A round on a finished model, and the rate of the label steps after it, as they suit an encoder."""
    gentle, embedding = spec.by_hand, kind == "embedding"
    wanted = {
        "round_epochs": gentle.embedding_epochs if embedding else gentle.influence_epochs,
        "round_lr": gentle.embedding_lr if embedding else gentle.influence_lr,
        "label_lr": gentle.label_lr,
    }
    return suited_round(spec, f"{kind}-tuning") | {key: value for key, value in wanted.items() if value is not None}


_SIZE = ("round_batch", "probes_per_epoch")
_OF_A_ROUND = ("round_epochs", "round_lr", "round_layers")
_NOT_INHERITED = (*_OF_A_ROUND, "schedule", "label_steps", "lineage", "method")


def diagnosed_like(store: Store, run: Run, step: int) -> dict[str, Any] | None:
    """The settings of the newest diagnosis of a run at a step: with them another model is asked the same probes."""
    there = [one for one in queries.diagnoses(store, run.id) if one.step == step]
    return dict(there[-1].config) if there else None


@dataclass(frozen=True)
class Treatment:
    """What a run by hand did to the checkpoint that it began with, as `start_tuning` takes it."""

    kind: str
    then_label_steps: int = 0
    options: dict[str, str] = field(default_factory=dict)


def treatment_of(run: Run) -> Treatment:
    """What to ask for to have the same done once more, from this run's final model; its probes are drawn anew.

    Raises:
        UserError: the run began with its encoder, not with a checkpoint.
    """
    if run.parent_step is None:
        raise UserError(
            f"{run.name!r} did not begin with a checkpoint of another run, so there is nothing to do once more. "
            "Name the kind of a round."
        )
    kind = LABEL if run.method == "finetune" else run.method.removesuffix("-tuning")
    options = {key: str(run.config[key]) for key in _OF_A_ROUND if run.config.get(key) is not None}
    return Treatment(kind, int(run.config.get("label_steps") or 0), options)


@dataclass(frozen=True)
class Branch:
    """A run in the tree of rounds. depth: how many runs it goes on from; rounds: what each of its rounds did."""

    run: Run
    depth: int
    rounds: tuple[dict[str, object], ...]


def tree(store: Store, run: Run) -> list[Branch]:
    """The tree that a run belongs to, from its root down, children behind their parent, older before newer."""
    there = {one.id: one for one in queries.family(store, run)}
    rounds = queries.rounds(store, list(there))

    def below(parent: str | None, depth: int) -> list[Branch]:
        found: list[Branch] = []
        for one in there.values():
            above = one.parent_id if one.parent_id in there else None
            if above == parent:
                mine = tuple(round_.report for round_ in rounds if round_.run_id == one.id)
                found += [Branch(one, depth, mine), *below(one.id, depth + 1)]
        return found

    return below(None, 0)
