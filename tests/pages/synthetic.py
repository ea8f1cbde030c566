"""A store filled with made-up runs, for the tests of the pages. The scores are drawn at random; everything that is
reported of them comes from the real statistics.

`python -m tests.pages.synthetic FOLDER` fills FOLDER, to look at a page with `UNCONFOUND_HOME=FOLDER`.
"""

import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from core.datasets.profile import profile
from core.settings import Settings
from core.statistics.accuracy import accuracy_report
from core.statistics.cid import CidReport, cid_report
from core.statistics.layers import layer_cids
from core.statistics.sampling import choose_probes
from core.statistics.verdict import verdict
from core.store.engine import Store, open_store
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Metric, Round, Run, new_id, now
from core.training.diagnosis_config import DiagnosisConfig

WORDS = ["market", "team", "report", "minister", "police", "season", "company", "bank", "coach", "river", "treaty"]
WORDS += ["match", "election", "border", "player", "office", "shares", "talks", "strike", "harvest", "captain"]
WORDS += ["court", "signal", "record", "village", "bridge", "engine", "letter", "museum", "festival"]
STEPS = (40, 80, 120, 160, 200, 240)
FALLING = (0.78, 0.55, 0.38, 0.27, 0.2, 0.16)

HOSTILE = (
    "<script>alert('x')</script><img src=x onerror=alert(1)> a tag",
    "![picture](https://example.invalid/pixel.png) **bold** [link](javascript:alert(1)) :smile: $x^2$ `code`",
    "هذا نص من اليمين إلى اليسار مع english inside",
    "👩‍👩‍👧‍👦 🏳️‍🌈 emoji ✨ and ‮override",
    '=HYPERLINK("https://example.invalid","click")',
    "word " * 10_000,
    "line\nbreak\ttab\r\nand a very" + "long" * 60,
)


T = TypeVar("T")
_made: dict[tuple[Any, ...], Any] = {}


def once(key: tuple[Any, ...], make: Callable[[], T]) -> T:
    """What is made of the same things is the same, and made once a process; everybody gets a copy of their own."""
    if key not in _made:
        _made[key] = make()
    return deepcopy(_made[key])


@dataclass(frozen=True)
class Filled:
    """What `fill` put into the store."""

    dataset: Dataset
    run: Run
    control: Run
    undiagnosed: Run


def fill(store: Store) -> Filled:
    """A confounded run with six diagnoses, its no-spurious control with one, and a run that nobody has diagnosed."""
    dataset = add_dataset(store, "headlines")
    clean = add_dataset(store, "headlines-control", control_of=dataset.id, prefix=False)
    control = add_run(store, clean, "headlines-control-finetune-2021", accuracy=0.86, worst=0.84)
    add_diagnosis(store, control, step=STEPS[-1], effect=0.015)
    run = add_run(store, dataset, "headlines-finetune-2021")
    for step, effect in zip(STEPS, FALLING, strict=True):
        add_diagnosis(store, run, step=step, effect=effect, control=control)
    return Filled(dataset, run, control, add_run(store, dataset, "headlines-finetune-2022", seed=2022))


def sentences(n: int, rng: np.random.Generator, *, aligned: float, prefix: bool, split: str) -> pd.DataFrame:
    """`n` headlines: the label says how long they are, the confound which prefix they carry."""
    label = np.where(np.arange(n) % 2 == 0, "short", "long")
    along = rng.random(n) < aligned
    confound = np.where((label == "short") == along, "negative", "positive")
    length = np.where(label == "short", rng.integers(5, 9, n), rng.integers(12, 20, n))
    body = [" ".join(rng.choice(WORDS, size)).capitalize() + " ." for size in length]
    text = [f"{c.capitalize()} . {b}" if prefix else b for c, b in zip(confound, body, strict=True)]
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


def add_dataset(
    store: Store,
    name: str,
    *,
    n_train: int = 1500,
    n_dev: int = 480,
    control_of: str | None = None,
    prefix: bool = True,
    hostile: bool = False,
) -> Dataset:
    """A data set of headlines, 90 % aligned in training and 50 % in dev."""
    frame, digest, described = _headlines(n_train, n_dev, prefix, hostile)
    row = Dataset(
        id=new_id(),
        name=name,
        sha256=digest,
        labels=sorted(frame["label"].unique()),
        confounds=sorted(frame["confound"].unique()),
        mapping={"text": "text", "label": "label", "confound": "prefix"},
        profile=deepcopy(described),
        sources={"files": {"train": f"{name}.csv"}},
        control_of=control_of,
    )
    row.path = store.artifacts.write_table(f"datasets/{row.id}/examples.parquet", frame)
    with store.writing() as session:
        session.add(row)
    return row


@cache
def _headlines(n_train: int, n_dev: int, prefix: bool, hostile: bool) -> tuple[pd.DataFrame, str, dict[str, Any]]:
    """The examples, their fingerprint and their profile."""
    rng = np.random.default_rng(2021)
    frame = pd.concat(
        [
            sentences(n_train, rng, aligned=0.9, prefix=prefix, split="train"),
            sentences(n_dev, rng, aligned=0.5, prefix=prefix, split="dev"),
        ],
        ignore_index=True,
    )
    if hostile:
        for place in range(0, len(frame), 3):
            frame.loc[place, "text"] = HOSTILE[(place // 3) % len(HOSTILE)]
        frame["text_b"] = "**second** <b>text</b>"
        frame["confound"] = frame["confound"].map({"negative": "<b>neg</b> [x](y)", "positive": "pos :smile:"})
    return frame, sha256(frame.to_csv().encode()).hexdigest(), profile(frame)


def add_run(
    store: Store,
    dataset: Dataset,
    name: str,
    *,
    seed: int = 2021,
    status: str = "done",
    steps: Sequence[int] = STEPS,
    accuracy: float = 0.785,
    worst: float = 0.53,
    demo: bool = False,
    error: str | None = None,
    method: str = "finetune",
    config: dict[str, object] | None = None,
    parent: tuple[Run, int] | None = None,
) -> Run:
    """A trained run: metrics, a checkpoint a step (without weights) and its evaluations."""
    run = Run(
        id=new_id(),
        name=name,
        dataset_id=dataset.id,
        parent_id=parent[0].id if parent else None,
        parent_step=parent[1] if parent else None,
        method=method,
        encoder="minilm",
        seed=seed,
        config={"max_length": 64, "device": "auto", **(config or {})},
        data_sha256=dataset.sha256,
        status=status,
        seconds=184.0,
        steps=max(steps, default=None),
        started_at=now() - timedelta(minutes=4),
        finished_at=now(),
        device="CPU, 2 cores",
        demo=demo,
        error=error,
    )
    frame = store.artifacts.read_table(dataset.path)
    key = ("evaluations", _content(frame), seed, tuple(steps), accuracy, worst)
    reports = once(key, lambda: _reports(frame, seed, len(steps), accuracy, worst))
    rows: list[Checkpoint | Evaluation | Metric] = []
    for place, step in enumerate(steps):
        done = (place + 1) / len(steps)
        rows.append(
            Checkpoint(
                run_id=run.id,
                step=step,
                epoch=10 * done,
                final=status == "done" and place == len(steps) - 1,
                path=None if demo else f"runs/{run.id}/checkpoints/{step}",
                bytes=0 if demo else 90_000_000,
            )
        )
        rows.extend(_evaluation(run.id, step, split, report) for split, report in reports[place].items())
        rows.append(Metric(run_id=run.id, name="label_loss", step=step, value=0.7 * (1 - done) + 0.05))
        rows.append(Metric(run_id=run.id, name="running_accuracy", step=step, value=0.6 + 0.38 * done))
        rows.append(Metric(run_id=run.id, name="dev_accuracy", step=step, value=0.55 + (accuracy - 0.55) * done))
        rows.append(Metric(run_id=run.id, name="dev_worst_cell", step=step, value=worst * done**0.5))
    with store.writing() as session:
        session.add(run)
        session.flush()
        session.add_all(rows)
    return run


def _content(frame: pd.DataFrame) -> str:
    """All that reports are made of."""
    return "\n".join(frame["id"] + " " + frame["split"] + " " + frame["label"] + " " + frame["confound"])


def _reports(frame: pd.DataFrame, seed: int, steps: int, accuracy: float, worst: float) -> list[dict[str, Any]]:
    """At each step, the report of each split."""
    rng = np.random.default_rng(seed)
    found = []
    for place in range(steps):
        done = (place + 1) / steps
        found.append(
            {
                split: _report(
                    frame[frame["split"] == split], split, 0.55 + (best - 0.55) * done, worst * done**0.5, rng
                )
                for split, best in (("train", min(0.99, accuracy + 0.2)), ("dev", accuracy))
            }
        )
    return found


def _report(part: pd.DataFrame, split: str, accuracy: float, worst: float, rng: np.random.Generator) -> dict[str, Any]:
    label, confound = part["label"].to_numpy(dtype=str), part["confound"].to_numpy(dtype=str)
    rare = (label == "short") == (confound == np.sort(np.unique(confound))[-1])
    right = np.where(rare, rng.random(len(part)) < worst, rng.random(len(part)) < min(1.0, 2 * accuracy - worst))
    if split == "train":
        right = rng.random(len(part)) < accuracy
    other = np.where(label == "short", "long", "short")
    return accuracy_report(label, confound, np.where(right, label, other))


def _evaluation(run_id: str, step: int, split: str, report: dict[str, Any]) -> Evaluation:
    return Evaluation(
        run_id=run_id,
        step=step,
        split=split,
        n=report["n"],
        accuracy=report["accuracy"],
        worst_cell=report["worst_cell"],
        report=report,
    )


def add_rounds(
    store: Store,
    run: Run,
    *,
    after: Sequence[int] = (50, 100, 150, 200),
    epochs: int = 5,
    per_epoch: int = 2,
    cid: bool = True,
    going_on: int = 0,
) -> list[Round]:
    """Finished rounds of a run, each of which brings J and CID down, and `going_on` tuning steps of one that is not."""
    rng = np.random.default_rng(run.seed)
    per_round = epochs * per_epoch
    rounds: list[Round] = []
    rows: dict[tuple[str, int], float] = {}
    for number, step in enumerate((*after, *([max(after, default=0) + 50] if going_on else [])), 1):
        begun = (number - 1) * per_round
        high = 0.9 / number
        steps = range(1, (going_on if number > len(after) else per_round) + 1)
        differences = [high * 0.75 ** (place - 1) + rng.normal(0, 0.01) for place in steps]
        losses = [value**2 + 0.002 for value in differences]
        cids = [0.45 / number * 0.6**epoch for epoch in range(len(steps) // per_epoch + 1)]
        for place, loss, difference in zip(steps, losses, differences, strict=True):
            rows["round_loss", begun + place] = loss
            rows["round_difference", begun + place] = difference
        if cid:
            rows |= {("round_cid", begun + epoch * per_epoch): value for epoch, value in enumerate(cids)}
            rows["cid", step] = cids[-1]
        if number <= len(after):
            by_epoch = [
                np.reshape(values, (epochs, per_epoch)).mean(axis=1).tolist() for values in (losses, differences)
            ]
            report = {"loss": by_epoch[0], "difference": by_epoch[1], "cid": cids if cid else [], "seconds": 41.25}
            first, last = begun + 1, begun + per_round
            report |= {
                "number": number,
                "step": step,
                "first": first,
                "last": last,
                "lr": 1e-4,
                "probes": 75,
                "kind": "influence",
            }
            rounds.append(
                Round(run_id=run.id, number=number, step=step, first=first, last=last, kind="influence", report=report)
            )
    metrics = [Metric(run_id=run.id, name=name, step=step, value=value) for (name, step), value in rows.items()]
    with store.writing() as session:
        session.add_all([*rounds, *metrics])
    return rounds


def add_diagnosis(
    store: Store,
    run: Run,
    *,
    step: int,
    effect: float,
    probes: int = 40,
    source: str = "train",
    control: Run | None = None,
    draws: int = 200,
    layers: bool = True,
) -> Diagnosis:
    """A diagnosis at one step whose scores are `effect` higher where the confound is shared."""
    with store.reading() as session:
        dataset = session.get_one(Dataset, run.dataset_id)
    frame = store.artifacts.read_table(dataset.path)
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    asked = train if source == "train" else frame[frame["split"] == source].reset_index(drop=True)
    key = ("diagnosis", _content(frame), run.seed, step, effect, probes, source, draws)
    report, scores, probe_row, chosen, by_layer = once(
        key, lambda: _measured(train, asked, run.seed, step, effect, probes, source == "train", draws)
    )
    beside = _last(store, control) if control else None
    judged = verdict(
        report.cid,
        report.ci,
        report.null,
        report.p_value,
        train_accuracy=0.97,
        n_train=len(train),
        chance=0.5,
        control_cid=beside.cid if beside else None,
        confound="prefix",
    )
    detail = report.to_dict()
    detail["probes"] = [
        {"id": probe, "effect": part["cliffs_delta"], **part}
        for probe, part in zip(chosen["id"], detail["probes"], strict=True)
    ]
    if layers:
        detail["layers"] = by_layer
    detail["control"] = {"diagnosis": beside.id, "run": beside.run_id, "cid": beside.cid} if beside else None
    row = Diagnosis(
        id=new_id(),
        run_id=run.id,
        step=step,
        estimator="cosine",
        config=DiagnosisConfig(probes=probes, seed=run.seed, probe_source=source).model_dump(mode="json"),
        n_probes=len(chosen),
        n_train=len(train),
        cid=report.cid,
        ci_low=report.ci[0],
        ci_high=report.ci[1],
        null_low=report.null[0],
        null_high=report.null[1],
        p_value=report.p_value,
        verdict=judged.code,
        sentence=judged.sentence,
        report=detail,
        seconds=31.0,
        device="CPU, 2 cores",
    )
    row.path = store.artifacts.write_arrays(
        f"runs/{run.id}/diagnoses/{row.id}.npz",
        {
            "scores": scores,
            "train_ids": train["id"].to_numpy(dtype=np.str_),
            "probe_row": probe_row.astype(np.int64),
        },
    )
    with store.writing() as session:
        session.add(row)
    return row


def _measured(
    train: pd.DataFrame, asked: pd.DataFrame, seed: int, step: int, effect: float, probes: int, own: bool, draws: int
) -> tuple[CidReport, np.ndarray, np.ndarray, pd.DataFrame, list[dict[str, object]]]:
    """What is reported of made-up scores; the scores [N, P], each probe's row in train [P], the probes, and by layer."""
    held_out = None if own else (asked["label"], asked["confound"])
    choice = choose_probes(train["label"], train["confound"], seed=seed, probes=probes, held_out=held_out)
    chosen = asked.iloc[choice.rows].reset_index(drop=True)
    scores = made_up_scores(train, chosen, choice.probe_row, effect, np.random.default_rng(seed + step))
    report = cid_report(
        scores,
        train["label"],
        train["confound"],
        chosen["label"],
        chosen["confound"],
        choice.probe_row,
        seed=seed,
        draws=draws,
        bootstrap=draws,
    )
    return report, scores, choice.probe_row, chosen, made_up_layers(report, chosen, seed)


def made_up_scores(
    train: pd.DataFrame, probes: pd.DataFrame, probe_row: np.ndarray, effect: float, rng: np.random.Generator
) -> np.ndarray:
    """Cosines [N, P]: higher for the same label, higher again for the same confound, 1 for a probe with itself."""
    label, confound = train["label"].to_numpy(dtype=str), train["confound"].to_numpy(dtype=str)
    same_label = label[:, None] == probes["label"].to_numpy(dtype=str)  # [N, P]
    same_confound = confound[:, None] == probes["confound"].to_numpy(dtype=str)  # [N, P]
    own = rng.normal(0, 0.05, len(probes))  # [P]
    leaning = effect * rng.normal(1, 0.4, len(probes)) + rng.normal(0, 0.02, len(probes))  # [P]
    heard = rng.normal(0, 0.08, (len(train), 1))  # [N, 1]
    centre = np.where(same_label, 0.25, -0.2) + own + heard + leaning * (same_confound - 0.5)
    scores = np.tanh(centre + rng.normal(0, 0.16, centre.shape))
    inside = np.flatnonzero(probe_row >= 0)
    scores[probe_row[inside], inside] = 1.0
    return scores.astype(np.float32)


def made_up_layers(report: CidReport, probes: pd.DataFrame, seed: int) -> list[dict[str, object]]:
    """A small model's layers, most of CID in its last blocks; their shares add up to it."""
    modules = ["bert.embeddings", *(f"bert.encoder.layer.{place}" for place in range(6)), "bert.pooler", "classifier"]
    parts = np.array([-0.03, 0.02, 0.05, 0.09, 0.14, 0.28, 0.35, 0.06, 0.04])[:, None]  # [L, 1]
    cids = np.array([np.nan if one.cid is None else one.cid for one in report.probes])  # [P]
    noise = np.random.default_rng(seed).normal(0, 0.02, (len(modules), len(cids)))
    shares = parts * cids + noise - noise.mean(0)  # [L, P]
    names = [
        (f"block {module.rpartition('.')[2]}" if module[-1].isdigit() else module.rpartition(".")[2], module)
        for module in modules
    ]
    columns = probes["label"], probes["confound"]
    within = np.linspace(0.2, 1.4, len(modules))[:, None] * cids
    return [one.to_dict() for one in layer_cids(names, shares, within, *columns, seed=seed, draws=200)]


def _last(store: Store, run: Run) -> Diagnosis | None:
    with store.reading() as session:
        return session.query(Diagnosis).where(Diagnosis.run_id == run.id).order_by(Diagnosis.step.desc()).first()


if __name__ == "__main__":
    place = open_store(Settings(home=Path(sys.argv[1])))
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    place.migrate()
    filled = fill(place)
    messy = add_run(place, add_dataset(place, "hostile", hostile=True), "hostile-finetune-2021")
    add_diagnosis(place, messy, step=STEPS[-1], effect=0.2, source="dev")
    demo = add_run(place, filled.dataset, "demo-finetune", demo=True, steps=STEPS[:3])
    add_diagnosis(place, demo, step=STEPS[2], effect=0.3)
    part = add_run(place, filled.dataset, "partly-diagnosed")
    add_diagnosis(place, part, step=STEPS[-1], effect=0.02)
    add_run(place, filled.dataset, "failed-run", status="failed", steps=(), error="There was not enough memory.")
