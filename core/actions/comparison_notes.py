"""What a reader of a comparison has to know, and what it does not show."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.actions.comparison import SettingDifference
from core.actions.seed_groups import SeedGroup, settings_of
from core.statistics.seeds import FEW_SEEDS


def notes_on(
    gathered: Sequence[SeedGroup],
    same_texts: Mapping[str, str],
    configuration: Sequence[SettingDifference],
    tried: Mapping[str, int],
    split: str,
) -> list[str]:
    """In sentences, those on one group first.

    Args:
        same_texts: group → what tells whether two were evaluated on the same texts.
        tried: group → configurations tried for its method.
    """
    notes = [note for group in gathered for note in _of_group(group)]
    return [*notes, *_between(gathered, same_texts, split), *_selection(configuration, tried, split)]


def _of_group(group: SeedGroup) -> list[str]:
    notes = []
    seeds = [run.seed for run in group.runs]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        notes.append(
            f"{group.name} has more than one run with the seed {', '.join(map(str, twice))}; they are no "
            "independent replicates, so its tests are too sure."
        )
    if len(seeds) == 1:
        notes.append(f"{group.name} has one seed: its accuracy holds for that model only, and it gets no test.")
    elif len(seeds) < FEW_SEEDS:
        notes.append(
            f"{group.name} has {len(seeds)} seeds. Fewer than {FEW_SEEDS} hardly show how much is luck: its tests find "
            "only very large differences, and miss the others."
        )
    if len({run.method for run in group.runs}) > 1 or len(group.datasets) > 1:
        notes.append(f"{group.name} mixes methods or data sets, so its seeds are not the only thing that varies.")
    elif len({repr(sorted(settings_of(run).items())) for run in group.runs}) > 1:
        notes.append(f"The runs of {group.name} do not all have the same settings; see the table of settings.")
    failed = len(group.runs) - len(group.fitted())
    if failed:
        notes.append(
            f"{failed} of {len(group.runs)} runs of {group.name} failed to fit: they are about chance on train. "
            "Means and tests are given with and without them; the CID of such a run says nothing."
        )
    undiagnosed = [one.run for one in group.results if one.cid is None]
    if undiagnosed:
        notes.append(
            f"Without a CID at the final checkpoint in {group.name}: {', '.join(undiagnosed)}. "
            f"Measure it with: python -m core diagnose {undiagnosed[0]}"
        )
    return notes


def _between(gathered: Sequence[SeedGroup], same_texts: Mapping[str, str], split: str) -> list[str]:
    notes = []
    texts = list(dict.fromkeys(same_texts.values()))
    if len(texts) > 1:
        parts = [", ".join(name for name, mark in same_texts.items() if mark == text) for text in texts]
        notes.append(
            f"Not all were evaluated on the same texts of {split}: {' | '.join(parts)}. Between these only means over "
            "seeds are compared, never example by example."
        )
    if len({one.device for group in gathered for one in group.results}) > 1:
        notes.append("The runs were not all made on the same kind of device, so their seconds cannot be compared.")
    probes = distinct(one for group in gathered for one in group.probes)
    if len(probes) > 1:
        notes.append("The diagnoses were not all made with the same probe settings, so their CIDs differ by that too.")
    return notes


def _selection(configuration: Sequence[SettingDifference], tried: Mapping[str, int], split: str) -> list[str]:
    """How the settings came about, and what that does to the figures."""
    notes = []
    differ = [one.key for one in configuration if len(distinct(one.values.values())) > 1]
    if differ:
        notes.append(
            f"Settings that are not the same in all groups: {', '.join(differ)}. A difference between groups may be one "
            "of settings, or of what they cost, as much as of method."
        )
    if len(set(tried.values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in tried.items())
        notes.append(
            f"Not equally many configurations were tried for all: {counts}. What was tried more often looks better by "
            "selection alone."
        )
    if split == "dev" and max(tried.values()) > 1:
        notes.append(
            "Settings that were chosen by accuracy on dev make dev accuracies too high; another split, such as test, "
            "does not have that flaw."
        )
    if split == "train":
        notes.append("Accuracy on train shows what was memorised, not what was learned.")
    return notes


def distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once, in the order of appearance; for values that cannot be hashed."""
    seen: list[Any] = []
    for value in values:
        if value not in seen:
            seen.append(value)
    return seen
