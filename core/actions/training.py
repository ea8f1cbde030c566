"""Starting a training: one run and one job, or a group of them that differ by seed alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from sqlalchemy.orm import Session

from core.actions.names import LONGEST, checked_name, free_name
from core.actions.quotas import check_quotas
from core.actions.seed_groups import settings_of
from core.encoders.catalogue import EncoderSpec, resolve
from core.errors import UserError
from core.jobs.launch import ensure_worker
from core.jobs.queue import submit
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Job, Run
from core.training.config import TrainConfig
from core.training.diagnosis_config import DiagnosisConfig

NO_SPURIOUS = "no-spurious"
"""The method that is plain finetuning on the data set's control, which has the confound taken out of its texts."""

ROUNDS = 5
"""Rounds that a short run should have room for when it is trained anew with a treatment."""

_OF_ITS_OWN = ("method", "encoder", "revision", "seed", "lineage")

_PROPOSED = 80
"""Characters of a data set's name that a proposed name keeps, so that method and seed still fit."""


@dataclass(frozen=True)
class Started:
    """What was put into the queue."""

    run: Run
    job: Job
    diagnosis: Job | None = None


@dataclass(frozen=True)
class StartedGroup:
    """Runs that were put into the queue under one group name, in the order of their seeds."""

    name: str
    runs: tuple[Started, ...]


def start_training(
    store: Store,
    settings: Settings,
    dataset: Dataset,
    *,
    method: str = "finetune",
    encoder: str = "minilm",
    revision: str | None = None,
    seed: int = 2021,
    options: Mapping[str, str] | None = None,
    name: str | None = None,
    group: str | None = None,
    then_diagnose: str | None = None,
    probes: int = 40,
) -> Started:
    """Queue a training run, and a diagnosis after it where one is wanted.

    Args:
        method: one of `TrainConfig`, or "no-spurious": finetuning on the control of the data set (on the data set
            itself where that is a control).
        options: further settings of `TrainConfig`, as text, as on the command line's `--set`.
        group: the name kept as the run's group, as it is; `start_group` is what checks it.
        then_diagnose: "final" or "all" (every checkpoint); None for no diagnosis.

    Raises:
        UserError: an option, the encoder or the name is not usable, or there is no control; nothing was queued.
    """
    run = _prepared(store, settings, dataset, method, encoder, revision, seed, options, name, group)
    wish = _diagnosis(then_diagnose, probes, seed)
    with store.writing() as session:
        started = _queue(session, settings, run, wish)
    ensure_worker(settings)
    return started


def like(run: Run, method: str, spec: EncoderSpec) -> dict[str, Any]:
    """The settings with which a run's data set and encoder are trained by `method`, from the encoder on.

    They are the run's own. Where the method has rounds and the run was made by another one, the rounds are of the size
    that suits the encoder, and come so often that a short run has `ROUNDS` of them.
    """
    kept = {key: value for key, value in run.config.items() if key not in _OF_ITS_OWN}
    if run.config.get("schedule") == "once":  # one round from a checkpoint; this begins with the encoder
        kept = {key: value for key, value in kept.items() if key not in ("schedule", "label_steps")}
    if method == run.method or not TrainConfig.of({"method": _trained_as(method)}).terms():
        return kept
    usual = int(TrainConfig.model_fields["interval"].default)
    rounds = suited_round(spec, method)
    if run.steps is not None and run.steps < ROUNDS * usual:
        rounds["interval"] = max(1, run.steps // ROUNDS)
    return kept | rounds


def suited_round(spec: EncoderSpec, method: str) -> dict[str, int]:
    """The settings of a round that suits an encoder."""
    size = spec.round_size
    epochs = size.embedding_epochs if method == "embedding-tuning" else size.influence_epochs
    return {"round_batch": size.batch, "probes_per_epoch": size.probes, "round_epochs": epochs}


def _trained_as(method: str) -> str:
    return "finetune" if method == NO_SPURIOUS else method


def start_group(
    store: Store,
    settings: Settings,
    dataset: Dataset,
    *,
    seeds: Sequence[int],
    method: str = "finetune",
    encoder: str = "minilm",
    revision: str | None = None,
    options: Mapping[str, str] | None = None,
    name: str | None = None,
    group: str | None = None,
    then_diagnose: str | None = None,
    probes: int = 40,
) -> StartedGroup:
    """Queue one training run per seed, all of them or none, under one group name.

    Args:
        name: of the run; with several seeds each run's name is this and its seed.
        group: a new name, or that of a group with the same settings, to which the seeds are added. Not given: the
            name, or `<data set>-<method>`, with the first free number.
        Others: as for `start_training`.

    Raises:
        UserError: as `start_training`; no seed or one twice; the group has other settings or has the seed already.
            Nothing was queued.
    """
    if not seeds:
        raise UserError("A group needs at least one seed.")
    twice = next((seed for place, seed in enumerate(seeds) if seed in seeds[:place]), None)
    if twice is not None:
        raise UserError(
            f"The seed {twice} is given twice; the same seed gives the same numbers. Give each seed one time."
        )
    proposal = name or f"{dataset.name[:_PROPOSED]}-{method}"
    title = _free_group(store, proposal) if group is None else checked_name(group, "group")
    names = [f"{name}-{seed}" if name and len(seeds) > 1 else name for seed in seeds]
    runs = [
        _prepared(store, settings, dataset, method, encoder, revision, seed, options, run_name, title)
        for seed, run_name in zip(seeds, names, strict=True)
    ]
    if group is not None:
        _check_group(store, title, runs)
    wishes = [_diagnosis(then_diagnose, probes, seed) for seed in seeds]
    with store.writing() as session:
        started = [_queue(session, settings, run, wish) for run, wish in zip(runs, wishes, strict=True)]
    ensure_worker(settings)
    return StartedGroup(title, tuple(started))


def parse_seeds(text: str) -> list[int]:
    """Read `2021,2022,2023`.

    Raises:
        UserError: a part is no whole number from 0 up.
    """
    seeds = []
    for part in (piece.strip() for piece in text.split(",")):
        if not (part.isascii() and part.isdecimal() and len(part) < 20):
            what = f"{part[:40]!r} is none" if part else "one of them is empty"
            raise UserError(f"Seeds are whole numbers with commas between them, such as 2021,2022,2023; {what}.")
        seeds.append(int(part))
    return seeds


def _prepared(
    store: Store,
    settings: Settings,
    dataset: Dataset,
    method: str,
    encoder: str,
    revision: str | None,
    seed: int,
    options: Mapping[str, str] | None,
    name: str | None,
    group: str | None,
) -> Run:
    """The row of a run, checked; nothing is written."""
    trained_on = _control(store, dataset) if method == NO_SPURIOUS else dataset
    spec = resolve(encoder, revision, allowed_roots=settings.local_models)
    config = TrainConfig.parse(
        {**(options or {}), "method": _trained_as(method), "encoder": spec.name, "seed": str(seed)}
        | ({"revision": spec.revision} if spec.revision else {})
    )
    check_quotas(settings, config, spec)
    return Run(
        name=free_name(store, Run, name, f"{dataset.name[:_PROPOSED]}-{method}-{seed}"),
        dataset_id=trained_on.id,
        group=group,
        method=method,
        encoder=spec.name,
        encoder_revision=spec.revision,
        seed=seed,
        config=config.model_dump(mode="json"),
        data_sha256=trained_on.sha256,
    )


def _control(store: Store, dataset: Dataset) -> Dataset:
    if dataset.control_of is not None:
        return dataset
    found = queries.control_of(store, dataset.id)
    if found is None:
        raise UserError(
            f"The data set {dataset.name!r} has no control: the same examples with the confound taken out of their "
            f"texts. Add one with: python -m core dataset add … --control-of {dataset.name}"
        )
    return found


def _diagnosis(then: str | None, probes: int, seed: int) -> dict[str, Any] | None:
    """The payload of the diagnosis that follows, checked now rather than after the training."""
    if then is None:
        return None
    if then not in ("final", "all"):
        raise UserError(f"A training can be followed by a diagnosis of its final checkpoint or of all; got {then!r}.")
    DiagnosisConfig.parse({"probes": probes, "seed": seed})
    return {"checkpoint": then, "probes": probes, "seed": seed}


def _queue(session: Session, settings: Settings, run: Run, wish: dict[str, Any] | None) -> Started:
    session.add(run)
    session.flush()
    job = submit(session, "train", {}, run_id=run.id, max_queue=settings.max_queue)
    diagnosis = None
    if wish is not None:
        diagnosis = submit(session, "diagnose", wish, run_id=run.id, after=job, max_queue=settings.max_queue)
    return Started(run, job, diagnosis)


def _free_group(store: Store, proposal: str) -> str:
    """The proposal, or with the first number that makes it neither a group's name nor a run's."""
    proposal = proposal[: LONGEST - 5]
    candidates = chain([proposal], (f"{proposal}-{number}" for number in count(2)))
    return next(
        one for one in candidates if not queries.runs_of_group(store, one) and queries.find_run(store, one) is None
    )


def _check_group(store: Store, group: str, runs: Sequence[Run]) -> None:
    """May these runs have this group name?"""
    if queries.find_run(store, group) is not None or group in [run.name for run in runs]:
        raise UserError(f"There is a run named {group!r}, so no group can have that name. Choose another.")
    new = runs[0]
    for old in queries.runs_of_group(store, group):
        if (old.dataset_id, old.method) != (new.dataset_id, new.method):
            raise UserError(
                f"The group {group!r} is of another data set or method (its run {old.name!r} is {old.method}). "
                "Choose another name for the group."
            )
        was, now = settings_of(old), settings_of(new)
        other = next((key for key in now if was.get(key) != now[key]), None)
        if other is not None:
            raise UserError(
                f"The runs of the group {group!r} have {other} = {was.get(other)}, not {now[other]}. Seeds can only be "
                "added with the same settings; choose another name for the group."
            )
        if old.status not in ("failed", "cancelled") and old.seed in [run.seed for run in runs]:
            raise UserError(
                f"The group {group!r} has a run with the seed {old.seed} already ({old.name!r}, {old.status}). "
                "Leave that seed out."
            )
