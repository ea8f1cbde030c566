"""What the runs say together: every figure, ready for JSON. Nothing is filled in for a run that is not there."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.machine import machine
from benchmarks.reproduce.paper import REPORTED
from benchmarks.reproduce.planner import Planner
from benchmarks.reproduce.plans import BASELINE, Column, Experiment
from benchmarks.reproduce.pool import Outcomes
from benchmarks.reproduce.search import Choices
from benchmarks.reproduce.spec import RunSpec
from core.statistics.compare import Measure, differences, spread

Report = dict[str, Any]

MEASURES: tuple[Measure, ...] = ("accuracy", "worst_cell", "cid")
LEFT_OUT = ("config", "versions", "code", "data", "data_sha256", "settings")
"""Parts of a result that stand once in the report and not in each run."""


def report(
    experiment: Experiment,
    specs: dict[str, list[RunSpec]],
    outcomes: Outcomes,
    planner: Planner,
    choices: Choices,
) -> Report:
    """The experiment's columns with their runs, means, tests and the paper's figures. specs: column → a run a seed."""
    columns = [experiment.column(key) for key in specs]
    done = [one for one in outcomes.values() if one["status"] == "done"]
    split = "test" if done and all("test" in one["evaluations"] for one in done) else "dev"
    parts = [_column(experiment, one, specs[one.key], outcomes, split, planner, choices) for one in columns]
    return {
        "experiment": experiment.key,
        "title": experiment.title,
        "encoder": planner.encoder,
        "overrides": dict(planner.overrides),
        "seeds": [spec.settings["seed"] for spec in next(iter(specs.values()), [])],
        "split": split,
        "floors": {run["data"]: run["evaluations"][split]["confound_only_floor"] for run in done},
        "machine": machine(),
        "devices": sorted({f"{one['device']}" for one in done}),
        "versions": _different(one["versions"] for one in done),
        "code": sorted({one["code"] for one in done}),
        "baseline": experiment.column(BASELINE).title,
        "columns": parts,
        "tests": {group: _tests(parts, group) for group in ("all", "fitted")},
        "notes": list(experiment.notes),
    }


def _column(
    experiment: Experiment,
    column: Column,
    specs: Sequence[RunSpec],
    outcomes: Outcomes,
    split: str,
    planner: Planner,
    choices: Choices,
) -> Report:
    runs = [outcomes[spec.name] for spec in specs if outcomes[spec.name]["status"] == "done"]
    fitted = [one for one in runs if not one["failed_to_fit"]]
    missing = [
        {"seed": spec.settings["seed"], "run": spec.name, **outcomes[spec.name]}
        for spec in specs
        if outcomes[spec.name]["status"] != "done"
    ]
    figures = REPORTED.get((experiment.key, column.key))
    return {
        "key": column.key,
        "title": column.title,
        "control": column.control,
        "data": column.data,
        "data_sha256": planner.data(column.data).sha256,
        "settings": {key: value for key, value in specs[0].settings.items() if key != "seed"},
        "selection": _selection(column, choices),
        "paper": asdict(figures) if figures else None,
        "runs": [{key: value for key, value in one.items() if key not in LEFT_OUT} for one in runs],
        "missing": [{key: one.get(key) for key in ("seed", "run", "status", "error")} for one in missing],
        "failed_to_fit": len(runs) - len(fitted),
        "all": _summary(runs, split),
        "fitted": _summary(fitted, split),
    }


def _selection(column: Column, choices: Choices) -> Report:
    """Where the column's settings come from: a search (its entry) or the plan."""
    key = column.chosen_as or column.key
    entry = choices.columns.get(key)
    return {"from": "plan", "as": key} if entry is None else {"from": "search", "as": key, **entry}


def _summary(runs: Sequence[Report], split: str) -> Report:
    """Each seed's figures and their mean ± sample SD."""
    values: dict[str, list[float]] = {name: figures(runs, split, name) for name in MEASURES}
    values["seconds"] = [one["seconds"]["training"] for one in runs]
    values["label_step_seconds"] = [one["seconds"]["label_steps"] for one in runs]
    return {name: {**asdict(spread(of)), "values": of} for name, of in values.items()}


def figures(runs: Sequence[Report], split: str, measure: Measure) -> list[float]:
    """One number a run; a CID that is undefined is left out."""
    if measure == "cid":
        return [one["diagnosis"]["cid"] for one in runs if one["diagnosis"]["cid"] is not None]
    return [one["evaluations"][split][measure] for one in runs]


def _tests(columns: Sequence[Report], group: str) -> list[Report]:
    """Each method against finetuning, by each measure. The control is no method and takes no part."""
    there = {one["title"]: one[group] for one in columns if not one["control"] and one["all"]["accuracy"]["n"]}
    baseline = next((one["title"] for one in columns if one["key"] == BASELINE), None)
    if baseline not in there:
        return []
    found = []
    for measure in MEASURES:
        values = {title: summary[measure]["values"] for title, summary in there.items()}
        found += [asdict(one) for one in differences(measure, values, baseline) if one.b == baseline]
    return found


def _different(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
