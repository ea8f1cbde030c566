"""How long the bundled sample takes without a browser: trained, diagnosed, and treated by each method, by a worker of its own.

    python -m benchmarks.sample [--save benchmarks/results/sample-cpu.json]

What a GPU box gains over a laptop, and how good the time is that the dashboard tells in advance. The first run is
finetuning with the dashboard's settings; the others begin with the encoder too and have its settings, and rounds. Let
nothing else run meanwhile.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from core.actions.datasets import add_sample
from core.actions.training import like, start_training
from core.actions.waiting import wait_for
from core.encoders.catalogue import resolve
from core.jobs.calibrate import known_speed
from core.jobs.processes import end_tree
from core.settings import PROJECT, Settings, get_settings
from core.store import queries
from core.store.engine import Store, open_store
from core.store.tables import Run
from core.training.config import TrainConfig
from core.training.estimate import estimate, token_lengths

METHODS = ("finetune", "influence-tuning", "embedding-tuning")
SAMPLE, ENCODER = "textlen", "minilm"


def main() -> None:
    """Train, diagnose and treat the sample, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", type=Path, help="write the figures as JSON, and the table beside them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["UNCONFOUND_HOME"] = scratch
        settings = get_settings()
        store = open_store(settings)
        store.migrate()
        subprocess.run([sys.executable, "-m", "core.jobs.calibrate"], cwd=PROJECT, check=True)
        rows = measure(store, settings)
        for one in queries.live_workers(store):
            end_tree(one.pid, grace=5)
        store.engine.dispose()
    text = table(report := {"machine": machine(), "rows": rows})
    if options.save:
        options.save.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        options.save.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def measure(store: Store, settings: Settings) -> list[dict[str, Any]]:
    """One row a method."""
    dataset = add_sample(store, settings, SAMPLE)
    rows: list[dict[str, Any]] = []
    first: Run | None = None
    for method in METHODS:
        same = like(first, method, resolve(ENCODER)) if first else {}
        asked = {key: "auto" if value is None else str(value) for key, value in same.items()}
        began = time.monotonic()
        begun = start_training(
            store, settings, dataset, method=method, encoder=ENCODER, options=asked, then_diagnose="final"
        )
        assert begun.diagnosis is not None
        while not queries.get_job(store, begun.job.id).progress:
            time.sleep(0.05)
        until = time.monotonic() - began
        wait_for(store, settings, begun.diagnosis.id)
        rows.append({**row(store, begun.run.id, time.monotonic() - began), "until_progress": until})
        first = first or queries.get_run(store, begun.run.id)
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def row(store: Store, run_id: str, seconds: float) -> dict[str, Any]:
    """What a run took and reached."""
    run = queries.get_run(store, run_id)
    [found] = queries.diagnoses(store, run.id)
    last = next(one for one in queries.evaluations(store, run.id) if (one.split, one.step) == ("dev", run.steps))
    return {
        "method": run.method,
        "device": run.device,
        "seconds": seconds,
        "training": run.seconds,
        "foretold": foretold(store, run),
        "diagnosis": found.seconds,
        "accuracy": last.accuracy,
        "worst_cell": last.worst_cell,
        "cid": found.cid,
        "interval": [found.ci_low, found.ci_high],
    }


def foretold(store: Store, run: Run) -> float:
    """Seconds of training as the dashboard tells them before it starts."""
    speed, shape = known_speed(store), resolve(run.encoder).shape
    assert speed is not None
    assert shape is not None
    config = TrainConfig.model_validate(run.config)
    dataset = queries.get_dataset(store, run.dataset_id)
    frame = queries.examples(store, dataset, "train", ["text"])
    lengths = {"train": token_lengths(frame["text"], config.max_length)}
    return estimate(config, shape, lengths, speed, dataset.profile["splits"]["train"]["cells"]).seconds


def table(report: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| | s, all in all | until the first progress | s of training (told before) | s of diagnosis | dev accuracy | worst cell | CID (95 %) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in report["rows"]:
        lo, hi = one["interval"]
        lines.append(
            f"| {one['method']} | {one['seconds']:.0f} | {one['until_progress']:.1f} | {one['training']:.0f} ({one['foretold']:.0f}) "
            f"| {one['diagnosis']:.1f} | {one['accuracy']:.1%} | {one['worst_cell']:.1%} "
            f"| {one['cid']:.3f} ({lo:.3f} to {hi:.3f}) |"
        )
    about = report["machine"]
    where = f"{about['gpu']}, " if "gpu" in about else ""
    lines += [
        "",
        f"The bundled sample, {ENCODER}, one seed, {report['rows'][0]['device']}.",
        "",
        f"{where}{about['processor']}, {about['cores']} cores; torch {about['torch']}, transformers {about['transformers']}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
