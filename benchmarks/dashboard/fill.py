"""A store with 500 runs, 100,000 training rows and influence matrices of 40 × 100,000. The scores are drawn at random;
what is reported of them comes from the real statistics, and every row goes through the real store.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert

from core.datasets.profile import profile
from core.statistics.accuracy import accuracy_report
from core.statistics.cid import cid_report
from core.statistics.layers import layer_cids
from core.statistics.sampling import choose_probes
from core.statistics.verdict import verdict
from core.store.engine import Store
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Job, Metric, Round, Run, new_id, now
from core.training.diagnosis_config import DiagnosisConfig

RUNS = 500
TRAIN_ROWS = 100_000
DEV_ROWS = 20_000
PROBES = 40
SEEDS = 5
STEPS = (40, 80, 120, 160, 200, 240)
CURVE_POINTS = 60
LARGE_CURVE_POINTS = 2_000
CURVES = ("label_loss", "running_accuracy", "dev_accuracy", "dev_worst_cell")
METHODS = ("finetune", "adversarial", "influence-tuning", "embedding-tuning")
WORDS = [
    "market",
    "team",
    "report",
    "minister",
    "police",
    "season",
    "company",
    "bank",
    "coach",
    "river",
    "treaty",
    "match",
    "election",
    "border",
    "player",
    "office",
    "shares",
    "talks",
    "strike",
    "harvest",
    "captain",
    "court",
    "signal",
    "record",
    "village",
    "bridge",
    "engine",
    "letter",
    "museum",
    "festival",
]


@dataclass(frozen=True)
class Names:
    """What the pages are opened with."""

    run: str
    child: str
    dataset: str
    small_dataset: str
    job: str
    groups: tuple[str, str]


def fill(store: Store) -> Names:
    """Fill an empty store."""
    small = _add_dataset(store, "headlines", 1_500, 480)
    large = _add_dataset(store, "a-hundred-thousand", TRAIN_ROWS, DEV_ROWS)
    measured = _diagnosis(store, small, "shared", STEPS[-1], effect=0.15)
    evaluated = {step: _evaluations(store, small, step) for step in STEPS}
    runs = [_run(small, f"headlines-{METHODS[n // SEEDS % 4]}-{n:03}", n) for n in range(RUNS - 2)]
    parent, child = _run(large, "large-finetune-2021", RUNS - 2), _run(large, "large-tuned-2021", RUNS - 1)
    parent |= {"status": "done", "method": "finetune", "error": None}
    child |= {
        "status": "done",
        "method": "influence-tuning",
        "error": None,
        "parent_id": parent["id"],
        "parent_step": STEPS[-1],
    }
    jobs = [_job(run, kind) for run in [*runs, parent, child] for kind in ("train", "diagnose")]
    with store.writing() as session:
        session.execute(insert(Run), [*runs, parent, child])
        session.execute(insert(Job), jobs)
        session.execute(insert(Checkpoint), [row for run in [*runs, parent, child] for row in _checkpoints(run)])
        session.execute(insert(Metric), [row for run in runs for row in _metrics(run, CURVE_POINTS)])
        session.execute(insert(Metric), [row for run in (parent, child) for row in _metrics(run, LARGE_CURVE_POINTS)])
        session.execute(
            insert(Evaluation),
            [
                {**row, "id": new_id(), "run_id": run["id"]}
                for run in runs
                if run["status"] == "done"
                for rows in evaluated.values()
                for row in rows
            ],
        )
        session.execute(
            insert(Diagnosis),
            [{**measured, "id": new_id(), "run_id": run["id"]} for run in runs if run["status"] == "done"],
        )
        session.add(_round(child))
    for step, effect in zip(STEPS, (0.5, 0.4, 0.3, 0.25, 0.2, 0.18), strict=True):
        _keep_measured(store, large, parent, step, effect)
    _keep_measured(store, large, child, STEPS[-1], 0.02)
    return Names(
        parent["name"], child["name"], large.id, small.id, jobs[-1]["id"], (runs[0]["group"], runs[2 * SEEDS]["group"])
    )


def _keep_measured(store: Store, dataset: Dataset, run: dict[str, Any], step: int, effect: float) -> None:
    found = _diagnosis(store, dataset, run["id"], step, effect=effect)
    rows = _evaluations(store, dataset, step)
    with store.writing() as session:
        session.execute(insert(Diagnosis), [{**found, "id": new_id(), "run_id": run["id"]}])
        session.execute(insert(Evaluation), [{**row, "id": new_id(), "run_id": run["id"]} for row in rows])


def _add_dataset(store: Store, name: str, n_train: int, n_dev: int) -> Dataset:
    rng = np.random.default_rng(2021)
    parts = [_headlines(n_train, rng, 0.9, "train"), _headlines(n_dev, rng, 0.5, "dev")]
    frame = pd.concat(parts, ignore_index=True)
    row = Dataset(
        id=new_id(),
        name=name,
        sha256=sha256(name.encode()).hexdigest(),
        labels=sorted(frame["label"].unique()),
        confounds=sorted(frame["confound"].unique()),
        mapping={"text": "text", "label": "label", "confound": "prefix"},
        profile=profile(frame),
        sources={"files": {"train": f"{name}.csv"}},
    )
    row.path = store.artifacts.write_table(f"datasets/{row.id}/examples.parquet", frame)
    with store.writing() as session:
        session.add(row)
    return row


def _headlines(n: int, rng: np.random.Generator, aligned: float, split: str) -> pd.DataFrame:
    """The label says how long a headline is, the confound which prefix it carries."""
    label = np.where(np.arange(n) % 2 == 0, "short", "long")
    along = rng.random(n) < aligned
    confound = np.where((label == "short") == along, "negative", "positive")
    drawn = rng.integers(0, len(WORDS), (n, 16))
    length = np.where(label == "short", 6, 16)
    text = [
        f"{c.capitalize()} . {' '.join(WORDS[w] for w in row[:size])} ."
        for c, row, size in zip(confound, drawn, length, strict=True)
    ]
    return pd.DataFrame(
        {
            "id": [f"{split}-{place}" for place in range(n)],
            "text": text,
            "text_b": [None] * n,
            "label": label,
            "confound": confound,
            "split": split,
        }
    )


def _diagnosis(store: Store, dataset: Dataset, folder: str, step: int, *, effect: float) -> dict[str, Any]:
    """The columns of a diagnosis whose scores are `effect` higher where the confound is shared."""
    frame = store.artifacts.read_table(dataset.path, ["id", "label", "confound", "split"])
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    label, confound = train["label"].to_numpy(dtype=str), train["confound"].to_numpy(dtype=str)
    choice = choose_probes(label, confound, seed=2021, probes=PROBES, held_out=None)
    probes = train.iloc[choice.rows]
    rng = np.random.default_rng(step)
    same_label = label[:, None] == label[choice.rows]  # [N, P]
    same_confound = confound[:, None] == confound[choice.rows]  # [N, P]
    centre = np.where(same_label, 0.25, -0.2) + effect * (same_confound - 0.5)
    scores = np.tanh(centre + rng.normal(0, 0.16, centre.shape)).astype(np.float32)  # [N, P]
    report = cid_report(
        scores,
        *(label, confound, label[choice.rows], confound[choice.rows], choice.probe_row),
        seed=2021,
        draws=50,
        bootstrap=50,
    )
    judged = verdict(
        *(report.cid, report.ci, report.null, report.p_value),
        train_accuracy=0.97,
        n_train=len(train),
        chance=0.5,
        control_cid=None,
        confound="prefix",
    )
    detail = report.to_dict()
    detail["probes"] = [
        {"id": one, "effect": part["cliffs_delta"], **part}
        for one, part in zip(probes["id"], detail["probes"], strict=True)
    ]
    cids = np.array([part.cid for part in report.probes], dtype=float)  # [P]
    parts = np.array([-0.03, 0.02, 0.05, 0.09, 0.14, 0.28, 0.35, 0.06, 0.04])[:, None] * cids  # [L, P]
    names = [(name, name) for name in ("embeddings", *(f"block {place}" for place in range(6)), "pooler", "classifier")]
    columns = (label[choice.rows], confound[choice.rows])
    detail["layers"] = [one.to_dict() for one in layer_cids(names, parts, 4 * parts, *columns, seed=2021, draws=50)]
    path = store.artifacts.write_arrays(
        f"runs/{folder}/diagnoses/{step}.npz",
        {
            "scores": scores,
            "train_ids": train["id"].to_numpy(dtype=np.str_),
            "probe_row": choice.probe_row.astype(np.int64),
        },
    )
    return {
        "step": step,
        "estimator": "cosine",
        "config": DiagnosisConfig(probes=PROBES, seed=2021).model_dump(mode="json"),
        "n_probes": PROBES,
        "n_train": len(train),
        "cid": report.cid,
        "ci_low": report.ci[0],
        "ci_high": report.ci[1],
        "null_low": report.null[0],
        "null_high": report.null[1],
        "p_value": report.p_value,
        "verdict": judged.code,
        "sentence": judged.sentence,
        "report": detail,
        "path": path,
        "seconds": 31.0,
        "device": "CPU, 2 cores",
    }


def _evaluations(store: Store, dataset: Dataset, step: int) -> list[dict[str, Any]]:
    frame = store.artifacts.read_table(dataset.path, ["label", "confound", "split"])
    rng = np.random.default_rng(step)
    rows = []
    for split, part in frame.groupby("split"):
        label = part["label"].to_numpy(dtype=str)
        right = rng.random(len(part)) < 0.6 + 0.3 * step / STEPS[-1]
        guess = np.where(right, label, np.where(label == "short", "long", "short"))
        report = accuracy_report(label, part["confound"].to_numpy(dtype=str), guess)
        told = {name: report[name] for name in ("n", "accuracy", "worst_cell")}
        rows.append({"step": step, "split": split, "report": report, **told})
    return rows


def _run(dataset: Dataset, name: str, number: int) -> dict[str, Any]:
    made = now() - timedelta(hours=RUNS - number)
    status = "failed" if number % 40 == 7 else "cancelled" if number % 60 == 11 else "done"
    return {
        "id": new_id(),
        "name": name,
        "dataset_id": dataset.id,
        "group": f"{dataset.name}-{METHODS[number // SEEDS % 4]}-{number // SEEDS:02}",
        "parent_id": None,
        "parent_step": None,
        "method": METHODS[number // SEEDS % 4],
        "encoder": "minilm",
        "seed": 2021 + number % SEEDS,
        "config": {"max_length": 64, "device": "auto"},
        "data_sha256": dataset.sha256,
        "status": status,
        "seconds": 184.0,
        "steps": STEPS[-1],
        "created_at": made,
        "started_at": made,
        "finished_at": made + timedelta(minutes=3),
        "device": "CPU, 2 cores",
        "error": "There was not enough memory." if status == "failed" else None,
    }


def _checkpoints(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for step in STEPS:
        yield {
            "id": new_id(),
            "run_id": run["id"],
            "step": step,
            "epoch": 10 * step / STEPS[-1],
            "final": step == STEPS[-1],
            "path": f"runs/{run['id']}/checkpoints/{step}",
            "bytes": 90_000_000,
        }


def _metrics(run: dict[str, Any], points: int) -> Iterator[dict[str, Any]]:
    for name in CURVES:
        for place in range(1, points + 1):
            done = place / points
            value = 0.7 * (1 - done) + 0.05 if name == "label_loss" else 0.55 + 0.3 * done
            yield {"run_id": run["id"], "name": name, "step": place, "value": value}


def _round(run: dict[str, Any]) -> Round:
    loss, difference, cid = [0.8, 0.4, 0.2, 0.1, 0.05], [0.9, 0.6, 0.4, 0.3, 0.2], [0.3, 0.2, 0.1, 0.06, 0.04, 0.02]
    report = {
        "loss": loss,
        "difference": difference,
        "cid": cid,
        "seconds": 41.25,
        "number": 1,
        "step": 0,
        "first": 1,
        "last": 10,
        "lr": 1e-4,
        "probes": 75,
        "kind": "influence",
    }
    return Round(run_id=run["id"], number=1, step=0, first=1, last=10, kind="influence", report=report)


def _job(run: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "kind": kind,
        "run_id": run["id"],
        "payload": {},
        "status": run["status"] if kind == "train" else "done",
        "created_at": run["created_at"],
        "started_at": run["started_at"],
        "finished_at": run["finished_at"],
        "progress": 1.0,
        "device": "CPU, 2 cores",
        "error": run["error"] if kind == "train" else None,
    }
