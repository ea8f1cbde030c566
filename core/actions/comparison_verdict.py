"""What a comparison comes to, in sentences: the honest headline first, then what else counts."""

from collections.abc import Mapping, Sequence

from core.actions.comparison import Comparisons, GroupResult, Summary
from core.formats import percent, signed
from core.statistics.compare import Difference, p_in_words

ALPHA = 0.05
_CONTROL = "the no-spurious control"
_METHODS = {
    "finetune": "finetuning",
    "influence-tuning": "influence tuning",
    "embedding-tuning": "embedding tuning",
    "combined-tuning": "combined tuning",
    "adversarial": "adversarial training",
    "no-spurious": _CONTROL,
}
Names = Mapping[str, str]


def verdict(groups: Sequence[GroupResult], comparisons: Comparisons, split: str) -> tuple[str, ...]:
    """Which method is shown to be better than the baseline (the first group), or that none is.

    A difference counts as shown where Holm's p over the methods is below 5 % and the interval that resamples seeds and
    examples, where there is one, leaves 0 out. Only what was evaluated on the baseline's own texts is a rival; the
    no-spurious control is told beside it.
    """
    names = _names(groups)
    if len(groups) == 1:
        return _alone(groups[0], names, split)
    headline, best = _headline(groups, comparisons.all, names, split)
    told = [headline]
    if best is None:
        told += _control_alone(groups, comparisons.all, names)
    else:
        told += _also(best, groups, comparisons.all, names)
        told += _beside(best, groups, comparisons.all, names)
        told += _against_control(groups, names, split)
    told += [
        f"{_upper(names[one.group])} is no better than the confound alone, which would reach {percent(one.floor, missing='unknown')}."
        for one in groups
        if one.floor is not None and one.all.accuracy.mean is not None and _low(one.all) <= one.floor
    ]
    return (*told, *_without_failed(groups, comparisons, names, split, headline))


def _names(groups: Sequence[GroupResult]) -> dict[str, str]:
    """What each group is called: by its method where no other has the same, else by its name."""
    spoken = {one.group: _CONTROL if one.is_control else _METHODS.get(one.method, one.group) for one in groups}
    return {group: name if list(spoken.values()).count(name) == 1 else group for group, name in spoken.items()}


def _alone(one: GroupResult, names: Names, split: str) -> tuple[str, ...]:
    of = one.all
    interval = of.accuracy_interval
    within = "" if interval is None else f" (95 % {100 * interval.lo:.1f} to {100 * interval.hi:.1f})"
    seeds = "1 seed" if one.n == 1 else f"{one.n} seeds"
    floor = "" if one.floor is None else f"; the confound alone would reach {percent(one.floor, missing='unknown')}"
    return (
        f"{_upper(names[one.group])} is right on {percent(of.accuracy.mean, missing='unknown')} of {split}{within}, over {seeds}{floor}.",
        "There is nothing to compare it with yet: choose another group or run.",
    )


def _headline(
    groups: Sequence[GroupResult], found: Sequence[Difference], names: Names, split: str
) -> tuple[str, Difference | None]:
    """The sentence, and the difference from the baseline that it is about (None where there is no rival)."""
    base = groups[0]
    rivals = [one.group for one in groups[1:] if one.same_texts and not one.is_control]
    against = [
        one
        for one in found
        if one.measure == "accuracy" and one.b == base.group and one.a in rivals and one.difference is not None
    ]
    if not against:
        return _no_rival(groups, found, names, split), None
    best = max(against, key=lambda one: one.difference or 0.0)
    if _shown(best) and (best.difference or 0.0) > 0:
        return f"{_upper(_by(best, names, split))} ({_evidence(best)}).", best
    if best.undefined is not None:
        return (
            f"{_upper(_by(best, names, split))} ({_evidence(best)}), but nothing tells whether that is the luck of "
            f"seeds: {_why_untested(best, groups, names)}.",
            best,
        )
    baseline = names[base.group]
    subject = names[best.a] if len(against) == 1 else f"the best of the others, {names[best.a]},"
    simple = "The simple baseline" if base.method == "finetune" else "The baseline"
    if all(_shown(one) for one in against):
        return (
            f"{_upper(baseline)} does better on {split}: {subject} {_stands(best, names)} ({_evidence(best)}).",
            best,
        )
    return (
        f"Nothing is shown to be better than {baseline} on {split}: {subject} {_stands(best, names)} ({_evidence(best)}). "
        + (
            "Between seeds there is a difference, but with other test examples it could be nil."
            if _significant(best) and (best.difference or 0.0) > 0
            else f"{simple} does as well, as far as these seeds can tell."
        ),
        best,
    )


def _also(best: Difference, groups: Sequence[GroupResult], found: Sequence[Difference], names: Names) -> list[str]:
    """What else is shown to be better than the baseline."""
    rivals = [one.group for one in groups[1:] if one.same_texts and not one.is_control]
    also = [
        one
        for one in found
        if one.measure == "accuracy"
        and one.b == best.b
        and one.a in rivals
        and one.a != best.a
        and _shown(one)
        and (one.difference or 0.0) > 0
    ]
    if not also:
        return []
    return [f"Also above {names[best.b]}: {_each(also, names)}."]


def _no_rival(groups: Sequence[GroupResult], found: Sequence[Difference], names: Names, split: str) -> str:
    pair = _with_control(groups, found)
    if pair is None:
        return (
            f"These were evaluated on different texts of {split}, so their accuracies do not say which method is better: "
            "the texts may differ in how hard they are."
        )
    test = "" if pair.p_holm_baseline is None else f" ({_evidence(pair)})"
    return f"{_upper(_by(pair, names, split))}, each on its own texts{test}."


def _with_control(groups: Sequence[GroupResult], found: Sequence[Difference]) -> Difference | None:
    """The baseline's difference in accuracy from its no-spurious control, or the control's from something else."""
    controls = {one.group for one in groups if one.is_control}
    return next(
        (
            one
            for one in found
            if one.measure == "accuracy"
            and one.difference is not None
            and one.b == groups[0].group
            and (one.a in controls or one.b in controls)
        ),
        None,
    )


def _control_alone(groups: Sequence[GroupResult], found: Sequence[Difference], names: Names) -> list[str]:
    """What the baseline and its control alone allow to say."""
    pair = _with_control(groups, found)
    if pair is None:
        return []
    told = _beside(pair, groups, found, names)
    if pair.undefined is not None:
        return [*told, f"There is no test: {_why_untested(pair, groups, names)}."]
    above = (pair.difference or 0.0) > 0
    if _significant(pair) and above == (names[pair.a] == _CONTROL):
        return [*told, "About that much accuracy is what the confound costs."]
    return [*told, "That the confound costs accuracy is not shown."]


def _beside(best: Difference, groups: Sequence[GroupResult], found: Sequence[Difference], names: Names) -> list[str]:
    """The same pair's worst cell, CID and seconds."""
    told = []
    by_name = {one.group: one for one in groups}
    mine, base = by_name[best.a], by_name[best.b]
    pairs = {one.measure: one for one in found if (one.a, one.b) == (best.a, best.b)}
    worst = pairs.get("worst_cell")
    if worst is not None and worst.difference is not None:
        told.append(
            f"In its worst cell {names[best.a]} has {percent(mine.all.worst_cell.mean, missing='unknown')}, {names[best.b]} "
            f"{percent(base.all.worst_cell.mean, missing='unknown')}{_test(worst)}."
        )
    cid = pairs.get("cid")
    if cid is not None and cid.difference is not None:
        told.append(
            f"CID is {signed(mine.all.cid.mean, 3, missing='unknown')} with {names[best.a]}, {signed(base.all.cid.mean, 3, missing='unknown')} with {names[best.b]}"
            f"{_test(cid)}."
        )
    devices = {run.device for one in (mine, base) for run in one.runs}
    took, before = mine.all.seconds.mean, base.all.seconds.mean
    if took and before and len(devices) == 1 and not 0.95 < took / before < 1.05:
        told.append(f"{_upper(names[best.a])} takes {took / before:.1f} times as long as {names[best.b]}.")
    return told


def _against_control(groups: Sequence[GroupResult], names: Names, split: str) -> list[str]:
    return [
        f"{_upper(names[one.group])} reaches {percent(one.all.accuracy.mean, missing='unknown')} on its own {split} texts: the level that a "
        "cured model can be expected to reach."
        for one in groups[1:]
        if one.is_control and one.all.accuracy.mean is not None
    ]


def _without_failed(
    groups: Sequence[GroupResult], comparisons: Comparisons, names: Names, split: str, headline: str
) -> list[str]:
    failed = sum(one.failed_to_fit for one in groups)
    if not failed:
        return []
    again, _ = _headline(groups, comparisons.fitted, names, split)
    runs = "the run that failed to fit" if failed == 1 else f"the {failed} runs that failed to fit"
    return [f"Without {runs} it reads the same."] if again == headline else [f"Without {runs}: {again}"]


# --- words ---


def _significant(one: Difference) -> bool:
    return one.p_holm_baseline is not None and one.p_holm_baseline < ALPHA


def _shown(one: Difference) -> bool:
    if not _significant(one):
        return False
    return one.same_examples is None or not one.same_examples.lo <= 0 <= one.same_examples.hi


def _by(one: Difference, names: Names, split: str | None = None) -> str:
    """influence tuning is 7.2 points above finetuning on dev."""
    return f"{names[one.a]} {_stands(one, names, split)}"


def _stands(one: Difference, names: Names, split: str | None = None) -> str:
    """is 7.2 points above finetuning on dev."""
    size = one.difference or 0.0
    on = f" on {split}" if split else ""
    if round(100 * abs(size), 1) == 0:
        return f"equals {names[one.b]}{on}"
    return f"is {100 * abs(size):.1f} points {'above' if size > 0 else 'below'} {names[one.b]}{on}"


def _evidence(one: Difference) -> str:
    """95 % 5.1 to 9.3 over seeds and examples; Welch p < .001 after Holm."""
    if one.same_examples is not None:
        parts = [f"95 % {_points(one.same_examples.lo)} to {_points(one.same_examples.hi)} over seeds and examples"]
        if one.undefined is not None:
            parts = [parts[0].replace("seeds and examples", "examples")]
    elif one.lo is not None and one.hi is not None:
        parts = [f"95 % {_points(one.lo)} to {_points(one.hi)} over seeds"]
    else:
        parts = []
    if one.p_holm_baseline is not None:
        parts.append(f"{_p(one)}")
    return "; ".join(parts) or "no interval"


def _each(found: Sequence[Difference], names: Names) -> str:
    """embedding tuning by 6.8 points (Welch p = .021 after Holm)."""
    parts = [
        f"{names[one.a]} by {100 * (one.difference or 0.0):.1f} points ({_p(one)})"
        for one in sorted(found, key=lambda one: -(one.difference or 0.0))
    ]
    return " and ".join(parts)


def _test(one: Difference) -> str:
    if one.p_holm_baseline is None:
        return ""
    return f" ({_p(one)})"


def _p(one: Difference) -> str:
    """Welch p = .021 after Holm, over the methods against the baseline."""
    test = one.test.split("'")[0]
    return f"{test} p {p_in_words(one.p_holm_baseline)} after Holm"


def _why_untested(one: Difference, groups: Sequence[GroupResult], names: Names) -> str:
    single = [names[group.group] for group in groups if group.group in (one.a, one.b) and group.n == 1]
    if len(single) == 2:
        return "each has one seed, and a test needs two or more of both"
    if single:
        return f"{single[0]} has one seed, and a test needs two or more"
    return one.undefined or ""


def _low(of: Summary) -> float:
    mean = of.accuracy.mean or 0.0
    return mean if of.accuracy_interval is None else of.accuracy_interval.lo


def _points(share: float) -> str:
    return signed(100 * share, 1)


def _upper(text: str) -> str:
    """With a capital where it begins with a method; somebody's name of a group stays as it was written."""
    return text[:1].upper() + text[1:] if text.startswith((*_METHODS.values(), _CONTROL)) else text
