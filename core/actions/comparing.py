"""Comparing methods over seeds: what every run of a group reached, and what the differences between groups are worth."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.actions.access_rates import access_points
from core.actions.comparison import Comparisons, GroupComparison, GroupResult, SettingDifference, Summary
from core.actions.comparison_notes import distinct, notes_on
from core.actions.comparison_verdict import verdict
from core.actions.courses import cid_courses
from core.actions.datasets import content_hash
from core.actions.seed_groups import SeedGroup, SeedResult, Split, gather, settings_of
from core.errors import UserError
from core.statistics.compare import Difference, Measure, Spread, differences, spread
from core.statistics.seeds import Estimate, Redrawn, estimate_accuracy, estimate_difference, redraw_examples
from core.statistics.tests import Kind
from core.store import queries
from core.store.engine import Store

_BOOTSTRAP_SEED = 2021
"""Of the resampling of seeds and examples, so that the same comparison gives the same interval."""


@dataclass(frozen=True)
class _Shared:
    """A group's models on redrawn examples; texts: the first group that was redrawn together with it."""

    texts: str
    models: Redrawn


def compare_groups(
    store: Store, names: Sequence[str], *, baseline: str | None = None, split: Split = "dev", kind: Kind = "welch"
) -> GroupComparison:
    """Compare seed groups, or single runs as groups of one.

    Args:
        names: groups, or runs by name or id; a group's name goes before a run's.
        baseline: what the others are compared against; the first name where not given.
        kind: "student" is the paper's test, for looking at its numbers only.

    Raises:
        UserError: there is no such group or run, it has no finished run, a run stands in two groups, or the split
            has not been evaluated.
    """
    order = list(dict.fromkeys([*([baseline] if baseline is not None else []), *names]))
    if not order:
        raise UserError("Name at least one group or run to look at. List runs with: python -m core run list")
    notes: list[str] = []
    gathered = [gather(store, name, split, notes) for name in order]
    _check_apart(gathered)
    same_texts = _same_texts(store, gathered, split)
    configuration = _configuration(gathered)
    tried = {one.name: _tried(store, one) for one in gathered}
    notes += notes_on(gathered, same_texts, configuration, tried, split)
    redrawn = _redrawn(gathered, same_texts)
    everyone = _compare(gathered, redrawn, kind, SeedGroup.everyone)
    failed = any(one.failed_to_fit for group in gathered for one in group.results)
    groups = tuple(
        _result(
            one,
            redrawn.get(one.name),
            tried[one.name],
            is_control=_is_control(one, gathered),
            same_texts=same_texts[one.name] == same_texts[order[0]],
        )
        for one in gathered
    )
    comparisons = Comparisons(
        all=everyone, fitted=_compare(gathered, redrawn, kind, SeedGroup.fitted) if failed else everyone
    )
    return GroupComparison(
        split=split,
        baseline=order[0],
        test="Welch's t-test" if kind == "welch" else "Student's t-test",
        correction="Holm",
        effect="Hedges' g",
        groups=groups,
        comparisons=comparisons,
        configuration=configuration,
        access=access_points(gathered),
        courses=cid_courses(store, gathered),
        verdict=verdict(groups, comparisons, split),
        notes=tuple(notes),
    )


def _check_apart(gathered: Sequence[SeedGroup]) -> None:
    owner: dict[str, str] = {}
    for group in gathered:
        for run in group.runs:
            if run.id in owner:
                raise UserError(
                    f"The run {run.name!r} stands in {owner[run.id]!r} and in {group.name!r}. Compare it with others, "
                    "not with itself."
                )
            owner[run.id] = group.name


# --- one group ---


def _result(
    group: SeedGroup, redrawn: _Shared | None, tried: int, *, is_control: bool, same_texts: bool
) -> GroupResult:
    everyone, fitted = group.everyone(), group.fitted()
    whole = _summary(group, redrawn, everyone)
    return GroupResult(
        group=group.name,
        method=", ".join(dict.fromkeys(run.method for run in group.runs)),
        dataset=", ".join(one.name for one in group.datasets),
        encoder=", ".join(dict.fromkeys(run.encoder for run in group.runs)),
        n=len(everyone),
        failed_to_fit=len(everyone) - len(fitted),
        floor=group.floor,
        configurations_tried=tried,
        is_control=is_control,
        same_texts=same_texts,
        runs=group.results,
        unfinished=group.unfinished,
        all=whole,
        fitted=whole if fitted == everyone else _summary(group, redrawn, fitted),
    )


def _summary(group: SeedGroup, redrawn: _Shared | None, places: list[int]) -> Summary:
    chosen = [group.results[place] for place in places]
    interval = None
    if redrawn is not None and places:
        interval = estimate_accuracy(redrawn.models.only(places), seed=_BOOTSTRAP_SEED)
        interval = replace(interval, lo=max(interval.lo, 0.0), hi=min(interval.hi, 1.0))

    def over(get: Callable[[SeedResult], float | None]) -> Spread:
        return spread(_known(get(one) for one in chosen))

    return Summary(
        accuracy=over(lambda one: one.accuracy),
        worst_cell=over(lambda one: one.worst_cell),
        balanced_accuracy=over(lambda one: one.balanced_accuracy),
        cid=over(lambda one: one.cid),
        seconds=over(lambda one: one.seconds),
        accuracy_interval=interval,
    )


def _is_control(group: SeedGroup, gathered: Sequence[SeedGroup]) -> bool:
    there = {dataset.id for other in gathered for dataset in other.datasets}
    return all(dataset.control_of in there for dataset in group.datasets)


def _tried(store: Store, group: SeedGroup) -> int:
    kinds = dict.fromkeys((run.dataset_id, run.method) for run in group.runs)
    there = [run for kind in kinds for run in queries.runs_of_method(store, *kind)]
    return len({repr(sorted(settings_of(run).items())) for run in there})


# --- between groups ---


def _redrawn(gathered: Sequence[SeedGroup], same_texts: Mapping[str, str]) -> dict[str, _Shared]:
    """Of each group whose predictions are kept its models on redrawn examples, the same for all with the same texts."""
    found: dict[str, _Shared] = {}
    waiting = [(group.name, group.answers) for group in gathered if group.answers is not None]
    while waiting:
        name, first = waiting[0]
        alike = [
            (other, answers)
            for other, answers in waiting
            if same_texts[other] == same_texts[name] and np.array_equal(answers.ids, first.ids)
        ]
        models = redraw_examples([answers.correct for _, answers in alike], seed=_BOOTSTRAP_SEED, cells=first.cells)
        found |= {other: _Shared(name, of) for (other, _), of in zip(alike, models, strict=True)}
        waiting = [one for one in waiting if one[0] not in found]
    return found


def _compare(
    gathered: Sequence[SeedGroup],
    redrawn: Mapping[str, _Shared],
    kind: Kind,
    choose: Callable[[SeedGroup], list[int]],
) -> tuple[Difference, ...]:
    places = {group.name: choose(group) for group in gathered}
    getters: dict[Measure, Callable[[SeedResult], float | None]] = {
        "accuracy": lambda one: one.accuracy,
        "worst_cell": lambda one: one.worst_cell,
        "cid": lambda one: one.cid,
    }
    found = []
    for measure, get in getters.items():
        values = {group.name: _known(get(group.results[place]) for place in places[group.name]) for group in gathered}
        found += differences(measure, values, gathered[0].name, kind)
    return tuple(
        replace(one, same_examples=_same_examples(redrawn.get(one.a), redrawn.get(one.b), places[one.a], places[one.b]))
        if one.measure == "accuracy"
        else one
        for one in found
    )


def _same_examples(a: _Shared | None, b: _Shared | None, of_a: list[int], of_b: list[int]) -> Estimate | None:
    if a is None or b is None or a.texts != b.texts or not of_a or not of_b:
        return None
    return estimate_difference(a.models.only(of_a), b.models.only(of_b), seed=_BOOTSTRAP_SEED)


def _same_texts(store: Store, gathered: Sequence[SeedGroup], split: Split) -> dict[str, str]:
    """Group → what tells whether two were evaluated on the same examples: the data set's id where there is but one,
    else a hash of the split's content (with the data sets' ids where a group mixes several).
    """
    ids = dict.fromkeys(dataset.id for group in gathered for dataset in group.datasets)
    if len(ids) == 1:
        return {group.name: next(iter(ids)) for group in gathered}
    hashes = {
        dataset.id: content_hash(queries.examples(store, dataset, split))
        for group in gathered
        for dataset in group.datasets
    }
    return {group.name: " ".join(dict.fromkeys(hashes[one.id] for one in group.datasets)) for group in gathered}


def _configuration(gathered: Sequence[SeedGroup]) -> tuple[SettingDifference, ...]:
    settings = {group.name: [settings_of(run) for run in group.runs] for group in gathered}
    keys = dict.fromkeys(key for of_group in settings.values() for one in of_group for key in one)
    found = []
    for key in keys:
        values = {name: distinct(one.get(key) for one in of_group) for name, of_group in settings.items()}
        if len(distinct(values.values())) > 1 or any(len(of_group) > 1 for of_group in values.values()):
            found.append(SettingDifference(key, values))
    return tuple(found)


def _known(values: Iterable[float | None]) -> list[float]:
    return [float(value) for value in values if value is not None]
