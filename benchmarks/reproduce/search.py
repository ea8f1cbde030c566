"""Choosing settings on dev: the same small number of configurations for every method, one seed that is not reported."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.reproduce.planner import Planner
from benchmarks.reproduce.plans import BASELINE, Column, Experiment, Settings
from benchmarks.reproduce.pool import Outcomes, Pool
from benchmarks.reproduce.spec import RunSpec, write_json
from core.errors import UserError

SEED = 2020
SHARED = ("label_lr",)
FILE = "search.json"

Entry = dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """What was chosen, by column of the experiment that was searched; the others have the plan's defaults.

    The learning rate of the label steps is finetuning's choice for every method, so that none has a better one.
    """

    columns: dict[str, Entry]

    def settings(self, column: Column) -> Settings:
        """What to add to a column's plan."""
        finetuning = self.columns.get(BASELINE, {}).get("chosen", {})
        shared = {key: value for key, value in finetuning.items() if key in SHARED}
        return {**shared, **self.columns.get(column.chosen_as or column.key, {}).get("chosen", {})}


def stored(home: Path, experiment: Experiment, encoder: str) -> Choices:
    """What an earlier search has chosen for this encoder."""
    return Choices(_read(home).get(experiment.searched_in, {}).get(encoder, {}))


def search(
    experiment: Experiment,
    columns: Iterable[Column],
    planner: Planner,
    pool: Pool,
    reported: Iterable[int],
    shorter: Settings,
) -> Choices:
    """Try every candidate of the columns' methods, keep all results in `search.json`, and return the choices.

    experiment: the one that is searched in; columns: those whose settings are wanted; shorter: settings of the search's
    runs alone, such as fewer label epochs.

    Raises:
        UserError: the search's seed is among the reported ones, or `--set` fixes a setting that is searched.
    """
    if SEED in reported:
        raise UserError(f"Seed {SEED} selects the settings, so it cannot be reported as well. Choose other --seeds.")
    wanted = dict.fromkeys(column.chosen_as or column.key for column in columns)
    searched = [column for column in experiment.columns if column.key in wanted and column.candidates]
    fixed = sorted({key for one in searched for found in one.candidates for key in found} & set(planner.overrides))
    if fixed:
        raise UserError(f"{', '.join(fixed)} is searched and fixed by --set. Leave one of the two out.")
    searching = replace(planner, overrides={**planner.overrides, **shorter})
    specs = {column.key: [searching.spec(column, SEED, one) for one in column.candidates] for column in searched}
    outcomes = pool.run([spec for of_column in specs.values() for spec in of_column])
    entries = {column.key: _entry(column, specs[column.key], outcomes, searching.overrides) for column in searched}
    everything = _read(pool.home)
    there = everything.setdefault(experiment.key, {}).setdefault(planner.encoder, {})
    there.update(entries)
    pool.home.mkdir(parents=True, exist_ok=True)
    write_json(pool.home / FILE, everything)
    return Choices(there)


def _entry(column: Column, specs: list[RunSpec], outcomes: Outcomes, overrides: Settings) -> Entry:
    tried = [
        {"settings": dict(candidate), **_figures(spec.name, outcomes[spec.name])}
        for candidate, spec in zip(column.candidates, specs, strict=True)
    ]
    ended = [one for one in tried if one["accuracy"] is not None]
    best = max(ended, key=lambda one: rank(one, column), default=None)
    chosen = best["settings"] if best else {}  # nothing came to an end: the plan's defaults
    return {"seed": SEED, "split": "dev", "overrides": dict(overrides), "chosen": chosen, "candidates": tried}


def _figures(name: str, result: dict[str, Any]) -> dict[str, Any]:
    dev = result.get("evaluations", {}).get("dev", {})
    return {
        "run": name,
        "status": result["status"],
        "error": result.get("error"),
        "failed_to_fit": result.get("failed_to_fit"),
        "accuracy": dev.get("accuracy"),
        "worst_cell": dev.get("worst_cell"),
        "seconds": result.get("seconds", {}).get("training"),
    }


def rank(candidate: dict[str, Any], column: Column) -> tuple[float, float, bool]:
    """Higher is better: accuracy on dev, then the worst cell's; of two that are equal in both, the plan's own setting."""
    return candidate["accuracy"], candidate["worst_cell"], candidate["settings"].items() <= column.settings.items()


def _read(home: Path) -> dict[str, Any]:
    path = home / FILE
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
