"""Is a fine-tuned MiniLM confounded on TextLen, and what does the control without the confound reach?

    python -m benchmarks.textlen [--data ../shared/data] [--seeds 2021,2022,2023] [--home FOLDER] [--save FILE]

Fine-tunes on `textlen_train.csv` and on its no-spurious control, once a seed, evaluates on dev and diagnoses the final
model with 40 probes. Runs that the folder already holds are not repeated, so an interrupted call goes on where it was.
Prints a table in Markdown.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.machine import machine
from core.actions.datasets import add_files
from core.actions.diagnosing import start_diagnosis
from core.actions.summaries import diagnosis_summary, run_summary
from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.datasets.mapping import ColumnMapping
from core.settings import Settings, get_settings
from core.store import queries
from core.store.engine import Store, open_store
from core.store.tables import Dataset

TITLES = {"textlen": "fine-tuned on TextLen", "textlen-control": "control: the prefix removed"}
OPTIONS = {"label_epochs": "10", "label_lr": "5e-5", "batch_size": "64"}


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with the textlen_*.csv files")
    parser.add_argument("--seeds", default="2021,2022,2023")
    parser.add_argument("--home", type=Path, default=Path("data/store/benchmarks"), help="store of the runs")
    parser.add_argument("--save", type=Path, help="write every figure as JSON")
    options = parser.parse_args()
    os.environ["UNCONFOUND_HOME"] = str(options.home.resolve())
    settings = get_settings()
    store = open_store(settings)
    store.migrate()
    datasets = _datasets(store, settings, options.data)
    results = [
        _run(store, settings, datasets[name], f"{name}-{seed}", int(seed))
        for seed in options.seeds.split(",")
        for name in ("textlen-control", "textlen")  # the control first: verdicts compare with it
    ]
    print("\n".join(_table(results)))
    if options.save:
        report = {"machine": machine(), "options": OPTIONS, "encoder": "minilm", "results": results}
        options.save.write_text(json.dumps(report, indent=1) + "\n")


def _datasets(store: Store, settings: Settings, folder: Path) -> dict[str, Dataset]:
    made: dict[str, Dataset] = {}
    for name, stem in (("textlen", "textlen"), ("textlen-control", "textlen_nospurious")):
        there = queries.find_dataset(store, name)
        made[name] = there or add_files(
            store,
            settings,
            name=name,
            files={split: folder / f"{stem}_{split}.csv" for split in ("train", "dev")},
            mapping=ColumnMapping(text="text", label="label", confound="confound"),
            control_of=made["textlen"].id if name != "textlen" else None,
        )
    return made


def _run(store: Store, settings: Settings, dataset: Dataset, name: str, seed: int) -> dict[str, Any]:
    run = queries.find_run(store, name)
    if run is None:
        begun = start_training(store, settings, dataset, seed=seed, options=OPTIONS, name=name)
        _wait(store, settings, begun.job.id, name)
        run = queries.get_run(store, begun.run.id)
    final = queries.get_checkpoint(store, run, "final")
    found = next((one for one in queries.diagnoses(store, run.id) if one.step == final.step), None)
    if found is None:
        job = start_diagnosis(store, settings, run)
        _wait(store, settings, job.id, f"{name}: diagnosis")
        found = queries.diagnoses(store, run.id)[-1]
    diagnosis = diagnosis_summary(found, run)
    del diagnosis["probes"]
    return {"dataset": dataset.name, "run": run_summary(store, run), "diagnosis": diagnosis}


def _wait(store: Store, settings: Settings, job_id: str, what: str) -> None:
    ended = wait_for(
        store, settings, job_id, tell=lambda share, text: print(f"{what}: {share:6.1%} {text}", file=sys.stderr)
    )
    if ended.status != "done":
        sys.exit(f"{what} {ended.status}: {ended.error}")


def _table(results: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| | dev accuracy (each seed) | worst cell | confound-only floor | CID (each seed) | null bands |",
        "|---|---|---|---|---|---|",
    ]
    for name, title in TITLES.items():
        rows = [one for one in results if one["dataset"] == name]
        dev = [one["run"]["evaluation"]["dev"] for one in rows]
        found = [one["diagnosis"] for one in rows]
        lines.append(
            f"| {title} | {_percents([one['accuracy'] for one in dev])} | {_percents([one['worst_cell'] for one in dev])} "
            f"| {dev[0]['confound_only_floor']:.0%} | {_numbers([one['cid'] for one in found])} "
            f"| {', '.join('{:.3f} … {:.3f}'.format(*one['null']) for one in found)} |"
        )
    return lines


def _percents(values: list[float]) -> str:
    spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.1f}{spread} % ({', '.join(f'{100 * one:.1f}' for one in values)})"


def _numbers(values: list[float]) -> str:
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{mean(values):.3f}{spread} ({', '.join(f'{one:.3f}' for one in values)})"


if __name__ == "__main__":
    main()
