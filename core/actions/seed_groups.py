"""A seed group as it stands in the store: what each of its finished runs reached, and which examples it got right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.errors import NotFoundError, UserError
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Diagnosis, Evaluation, Run
from core.training.config import TrainConfig

Split = Literal["dev", "test", "train"]
Settings = dict[str, Any]

_NOT_SETTINGS = ("seed", "method")
"""Keys of a configuration that are no settings: what the replicates differ by, and what is compared."""


@dataclass(frozen=True)
class SeedResult:
    """One finished run, at its last step. Accuracies in 0 … 1; cid None where nobody has diagnosed it."""

    run: str
    id: str
    seed: int
    failed_to_fit: bool
    step: int
    accuracy: float
    worst_cell: float
    worst_cell_name: str | None
    balanced_accuracy: float | None
    cid: float | None
    cid_lo: float | None
    cid_hi: float | None
    diagnosis: str | None
    seconds: float | None
    device: str | None


@dataclass(frozen=True)
class Unfinished:
    """A run that is left out because it has not come to a good end; reason: why not, where that is known."""

    run: str
    id: str
    seed: int
    status: str
    reason: str | None


@dataclass(frozen=True)
class Answers:
    """Which examples of a split each run got right [S, n], by the examples' ids, and their cells [n]."""

    ids: npt.NDArray[np.str_]
    cells: npt.NDArray[np.str_]
    correct: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SeedGroup:
    """The finished runs of a group, and what each reached, in the same order.

    floor: None where it is not the same for all. answers: None where the predictions are not kept or do not fit
    together. probes: the settings of each diagnosis, but for its seed.
    """

    name: str
    datasets: tuple[Dataset, ...]
    runs: tuple[Run, ...]
    results: tuple[SeedResult, ...]
    unfinished: tuple[Unfinished, ...]
    floor: float | None
    answers: Answers | None
    probes: tuple[Settings, ...]

    def everyone(self) -> list[int]:
        """Places of all runs."""
        return list(range(len(self.results)))

    def fitted(self) -> list[int]:
        """Places of the runs that have learned their training set."""
        return [place for place, one in enumerate(self.results) if not one.failed_to_fit]


def gather(store: Store, name: str, split: Split, notes: list[str]) -> SeedGroup:
    """The finished runs of a group, or one run by name or id as a group of one; a group's name goes before a run's.

    Runs that are left out, and why, are added to `notes`.

    Raises:
        UserError: there is no such group or run, none of it has finished, or none was evaluated on the split.
    """
    there = queries.runs_of_group(store, name) or [_single(store, name)]
    unfinished = tuple(
        Unfinished(run.name, run.id, run.seed, run.status, run.error) for run in there if run.status != "done"
    )
    left_out = ", ".join(f"{one.run} ({one.status})" for one in unfinished)
    if len(unfinished) == len(there):
        raise UserError(f"{name!r} has no finished run to compare: {left_out}. Wait for one, or train it again.")
    if unfinished:
        notes.append(f"Left out of {name} because they are not finished: {left_out}.")
    measured = [(run, _last(store, run, split)) for run in there if run.status == "done"]
    missing = ", ".join(run.name for run, evaluation in measured if evaluation is None)
    found = [(run, evaluation) for run, evaluation in measured if evaluation is not None]
    if not found:
        raise UserError(f"{name!r} was not evaluated on {split}; its data set may not have that split. Choose another.")
    if missing:
        notes.append(f"Left out of {name} because they have no evaluation on {split}: {missing}.")
    runs, evaluations = zip(*found, strict=True)
    diagnoses = [_final_diagnosis(store, run) for run in runs]
    floors = {evaluation.report["confound_only_floor"] for evaluation in evaluations}
    return SeedGroup(
        name=name,
        datasets=tuple(queries.get_dataset(store, one) for one in dict.fromkeys(run.dataset_id for run in runs)),
        runs=runs,
        results=tuple(map(_result, runs, evaluations, diagnoses)),
        unfinished=unfinished,
        floor=floors.pop() if len(floors) == 1 else None,
        answers=_joined(name, [_answers(store, one.path) for one in evaluations], notes),
        probes=tuple({**one.config, "seed": None} for one in diagnoses if one is not None),
    )


def settings_of(run: Run) -> Settings:
    """A run's settings but for seed and method, with the defaults of those that came after it."""
    try:
        settings = TrainConfig.of(run.config).model_dump(mode="json")
    except UserError:
        settings = run.config
    return {key: value for key, value in settings.items() if key not in _NOT_SETTINGS}


def _single(store: Store, name: str) -> Run:
    try:
        return queries.get_run(store, name)
    except NotFoundError as error:
        raise NotFoundError(f"There is no group or run {name!r}. List them with: python -m core run list") from error


def _last(store: Store, run: Run, split: Split) -> Evaluation | None:
    of_split = [one for one in queries.evaluations(store, run.id) if one.split == split]  # by step
    return of_split[-1] if of_split else None


def _final_diagnosis(store: Store, run: Run) -> Diagnosis | None:
    """The newest by gradient cosine at the final checkpoint."""
    final = [one.step for one in queries.checkpoints(store, run.id) if one.final]
    found = [one for one in queries.diagnoses(store, run.id) if one.step in final and one.estimator == "cosine"]
    return found[-1] if found else None


def _result(run: Run, evaluation: Evaluation, diagnosis: Diagnosis | None) -> SeedResult:
    return SeedResult(
        run=run.name,
        id=run.id,
        seed=run.seed,
        failed_to_fit=run.failed_to_fit,
        step=evaluation.step,
        accuracy=evaluation.accuracy,
        worst_cell=evaluation.worst_cell,
        worst_cell_name=evaluation.report.get("worst_cell_name"),
        balanced_accuracy=evaluation.report.get("balanced_accuracy"),
        cid=diagnosis.cid if diagnosis else None,
        cid_lo=diagnosis.ci_low if diagnosis else None,
        cid_hi=diagnosis.ci_high if diagnosis else None,
        diagnosis=diagnosis.id if diagnosis else None,
        seconds=run.seconds,
        device=run.device,
    )


def _answers(store: Store, path: str | None) -> Answers | None:
    """What one run got right; None where its predictions are not kept, or their file is gone."""
    if path is None:
        return None
    try:
        frame = store.artifacts.read_table(path, ["id", "label", "confound", "predicted"])
    except UserError:
        return None
    frame = frame.sort_values("id", kind="stable")
    columns = {str(name): frame[name].to_numpy(dtype=np.str_) for name in frame}
    return Answers(
        ids=columns["id"],
        cells=np.char.add(np.char.add(columns["label"], " × "), columns["confound"]),
        correct=(columns["label"] == columns["predicted"])[None, :],
    )


def _joined(name: str, answers: Sequence[Answers | None], notes: list[str]) -> Answers | None:
    there = [one for one in answers if one is not None]
    if len(there) < len(answers):
        notes.append(
            f"Not all predictions of {name} are kept, so its accuracy has no interval over seeds and examples."
        )
        return None
    first = there[0]
    if any(not np.array_equal(one.ids, first.ids) or not np.array_equal(one.cells, first.cells) for one in there):
        notes.append(
            f"The runs of {name} were evaluated on different examples, so its accuracy has no interval over seeds and "
            "examples."
        )
        return None
    return Answers(first.ids, first.cells, np.concatenate([one.correct for one in there]))
