"""How long somebody waits before a job is at work: with a spare process standing ready, and without.

    python -m benchmarks.starting [--times 5] [--save benchmarks/results/starting-cpu.json]

MiniLM, trained for an epoch on the bundled sample. A text is tried on it, time and again, beside an idle worker: seconds from
the submission until the model has decided; then a training of the `tiny` encoder: seconds until its first progress. Medians.
The memory is what a spare process has for itself, and what it shares with others (files of libraries). Let nothing else run
meanwhile.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.machine import machine
from core.actions.datasets import add_sample
from core.actions.training import start_training
from core.actions.trying import start_try, try_of
from core.actions.waiting import wait_for
from core.jobs import queue
from core.jobs.launch import ensure_worker
from core.jobs.processes import end_tree
from core.settings import Settings, get_settings
from core.store import queries
from core.store.engine import Store, open_store
from core.store.tables import Dataset, Job, Run

TEXT = "A text that is neither long nor short."


def main() -> None:
    """Measure both, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--save", type=Path, help="write the figures as JSON, and the table beside them")
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(), "times": options.times}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["UNCONFOUND_HOME"] = scratch
        os.environ["UNCONFOUND_CALIBRATE"] = "false"
        store = open_store(get_settings())
        store.migrate()
        dataset = add_sample(store, get_settings(), "textlen")
        run = trained(store, get_settings(), dataset)
        for name, spare in (("without", "false"), ("with", "true")):
            end_worker(store)
            os.environ["UNCONFOUND_SPARE_PROCESS"] = spare
            get_settings.cache_clear()
            report[name] = measured(store, get_settings(), dataset, run, options.times)
        end_worker(store)
        store.engine.dispose()
    text = table(report)
    if options.save:
        options.save.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        options.save.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def trained(store: Store, settings: Settings, dataset: Dataset) -> Run:
    """An epoch of label steps is enough to try."""
    begun = start_training(store, settings, dataset, encoder="minilm", options={"label_epochs": "1"})
    assert wait_for(store, settings, begun.job.id).status == "done"
    return queries.get_run(store, begun.run.id)


def measured(store: Store, settings: Settings, dataset: Dataset, run: Run, times: int) -> dict[str, Any]:
    """Seconds of each time, and the spare process's bytes."""
    tries, trainings, memory = [], [], []
    for number in range(times):
        memory.append(idle(store, settings))
        began = time.monotonic()
        job = start_try(store, settings, run, TEXT)
        tries.append(until(lambda job=job: try_of(queries.get_job(store, job.id)), began))
        wait_for(store, settings, job.id)
        idle(store, settings)
        began = time.monotonic()
        job = start_training(store, settings, dataset, encoder="tiny", seed=number + 1).job
        trainings.append(until(lambda job=job: queries.get_job(store, job.id).progress, began))
        stop(store, settings, job)
    return {"decided": tries, "progress": trainings, "memory": memory[-1]}


def stop(store: Store, settings: Settings, job: Job) -> None:
    """It has shown what it was begun for."""
    if queries.get_job(store, job.id).status not in queries.ENDED:
        queue.request_cancel(store, job.id)
    wait_for(store, settings, job.id)


def idle(store: Store, settings: Settings) -> dict[str, int]:
    """Wait until the worker has nothing to do any more, nor a process that imports; what the one that is ready holds."""
    ensure_worker(settings)
    while not queries.live_workers(store):
        time.sleep(0.1)
    [worker] = queries.live_workers(store)
    used = -1.0
    while True:
        time.sleep(2)
        ready = psutil.Process(worker.pid).children()
        now = sum(one.cpu_times().user for one in ready)
        if now == used and bool(ready) == settings.spare_process:
            break
        used = now
    if not ready:
        return {}
    found = ready[0].memory_full_info()
    return {"own": found.uss, "shared": found.rss - found.uss}


def until(condition: Callable[[], object], began: float) -> float:
    """Seconds until it is so."""
    while not condition():
        time.sleep(0.02)
    return time.monotonic() - began


def end_worker(store: Store) -> None:
    """End the worker, if there is one."""
    for one in queries.live_workers(store):
        end_tree(one.pid, grace=5)


def table(report: dict[str, Any]) -> str:
    """The figures as Markdown."""
    about, held = report["machine"], report["with"]["memory"]
    lines = ["| seconds from the submission | without a spare process | with one |", "|---|---|---|"]
    for key, words in (("decided", "a text is tried: the decision"), ("progress", "a training: its first progress")):
        lines.append(f"| {words} | {median(report['without'][key]):.1f} | {median(report['with'][key]):.1f} |")
    lines += [
        "",
        f"Medians of {report['times']}. A spare process holds {held['own'] / 2**20:.0f} MiB of its own, and shares "
        f"{held['shared'] / 2**20:.0f} MiB.",
        "",
        f"{about.get('gpu', about['processor'])}, {about['cores']} cores; torch {about['torch']}, transformers "
        f"{about['transformers']}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
