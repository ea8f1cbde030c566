"""The job that tries one text on one checkpoint: decision, the same text with other confound values, influence on it.

What is known after a few seconds, the decisions, is written at once; the influence follows. Small things stand in the
job's `result`, the scores in an artifact beside the run's others.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import update

from core.datasets.errors import DataError
from core.datasets.mapping import ColumnMapping
from core.datasets.markers import Marker, NotEditable, Version, find_marker
from core.encoders.loading import load_saved
from core.errors import UserError
from core.influence.errors import InfluenceError
from core.jobs.reporter import Reporter
from core.jobs.tries import SAMPLED, artifact_of
from core.statistics.errors import StatisticsError
from core.statistics.one_text import text_cid
from core.statistics.sampled import Sample, sample_cells
from core.statistics.temperature import Calibration, calibrate, scaled
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Job, Run, now
from core.training.config import TrainConfig
from core.training.device import choose_machine
from core.training.evaluation import predict
from core.training.trying import Decided, Text, decide, pulls

MOST_DEV = 2000
"""Dev examples that are predicted to calibrate on, where no predictions are stored."""

_DECIDED = 0.3  # of the time that a try takes, loading included
_LISTED = 10
_SHOWN = 300


def try_text(reporter: Reporter) -> dict[str, Any]:
    """Try the text that the job names. Returns what `core.actions.trying` describes."""
    reporter.progress(0.01, "loading the model")
    store = reporter.store
    wish = dict(reporter.job.payload)
    run = queries.get_run(store, str(reporter.job.run_id))
    dataset = queries.get_dataset(store, run.dataset_id)
    checkpoint = queries.get_checkpoint(store, run, str(wish["checkpoint"]))
    if checkpoint.path is None:
        raise UserError(f"The weights of {run.name!r} at step {checkpoint.step} are not kept, so no text can be tried.")
    settings = TrainConfig.of(run.config)
    machine = choose_machine(settings)
    model, tokenizer = load_saved(store.artifacts.fetch_folder(checkpoint.path))
    model.to(machine.device)
    frame = queries.examples(store, dataset)
    loaded = _seconds(reporter.job)
    reporter.progress(0.1, "reading the text")

    text: Text = (str(wish["text"]), wish.get("text_b"))
    marker = find_marker(ColumnMapping.from_dict(dataset.mapping), frame)
    own, versions, why = _versions(marker, text)
    decided = decide(model, tokenizer, [text, *(_with(text, marker, one) for one in versions)], settings.max_length)
    calibration, calibrated_on = _calibration(
        store, run, checkpoint, frame, lambda part: predict(model, tokenizer, part, max_length=settings.max_length)
    )
    confound = wish.get("confound") or own or _known_confound(frame, wish.get("example"))
    found: dict[str, Any] = {
        "run": run.name,
        "checkpoint": checkpoint.step,
        "device": machine.title,
        "labels": decided.labels,
        "calibration": calibration.to_dict() if calibration else None,
        "calibrated_on": calibrated_on,
        "versions": _told(decided, calibration, own, text, marker, versions),
        "editable": why is None,
        "marker": marker.title if why is None and not isinstance(marker, NotEditable) else None,
        "not_editable": why,
        "read": decided.read[0],
        "tokens": decided.tokens[0],
        "label": wish.get("label") or decided.labels[int(decided.probabilities[0].argmax())],
        "confound": confound,
        "influence": None,
        "seconds": {"loaded": loaded, "decided": _seconds(reporter.job), "all": None},
    }
    job_id = reporter.job.id
    early = {"try": found}
    reporter.tell(_DECIDED, "the decision is made; influence of the training examples follows")
    reporter.write(lambda session: session.execute(update(Job).where(Job.id == job_id).values(result=early)))
    influence = _influence(reporter, found, text, frame, model, tokenizer, settings)
    seconds = {**found["seconds"], "all": _seconds(reporter.job)}
    return {"try": {**found, "influence": influence, "seconds": seconds}}


def _seconds(job: Job) -> float | None:
    """Since the job was begun: process and torch included, for which somebody waits as well."""
    return None if job.started_at is None else round((now() - job.started_at).total_seconds(), 1)


# --- the decision ---


def _versions(marker: Marker | NotEditable, text: Text) -> tuple[str | None, list[Version], str | None]:
    """The confound value that the text shows, its other versions, and why there are none."""
    if isinstance(marker, NotEditable):
        return None, [], marker.reason
    here = text[0] if marker.column == "text" else text[1] or ""
    try:
        own, versions = marker.value_of(here), marker.versions(here)
    except DataError as error:
        return None, [], str(error)
    if not versions:
        return own, [], "This text holds nothing that could be swapped: the confound's pattern is not found in it."
    return own, versions, None


def _with(text: Text, marker: Marker | NotEditable, version: Version) -> Text:
    second = not isinstance(marker, NotEditable) and marker.column == "text_b"
    return (text[0], version.text) if second else (version.text, text[1])


def _told(
    decided: Decided,
    calibration: Calibration | None,
    own: str | None,
    text: Text,
    marker: Marker | NotEditable,
    versions: list[Version],
) -> list[dict[str, Any]]:
    """One entry a version, the text as it is first."""
    sure = decided.probabilities if calibration is None else scaled(decided.probabilities, calibration.temperature)
    second = not isinstance(marker, NotEditable) and marker.column == "text_b"
    shown = [Version(own, (text[1] or "") if second else text[0]), *versions]
    return [
        {
            "value": version.value,
            "as_it_is": number == 0,
            "text": version.text[:_SHOWN],
            "predicted": decided.labels[int(decided.probabilities[number].argmax())],
            "confidence": float(sure[number].max()),
            "probabilities": dict(zip(decided.labels, sure[number].tolist(), strict=True)),
            "uncalibrated": dict(zip(decided.labels, decided.probabilities[number].tolist(), strict=True)),
        }
        for number, version in enumerate(shown)
    ]


def _calibration(
    store: Store, run: Run, checkpoint: Checkpoint, frame: pd.DataFrame, predicted: Any
) -> tuple[Calibration | None, str]:
    """The temperature, and a sentence on what it was fitted to or why there is none."""
    stored = next(
        (
            one
            for one in queries.evaluations(store, run.id)
            if one.step == checkpoint.step and one.split == "dev" and one.path is not None
        ),
        None,
    )
    dev = frame[frame["split"] == "dev"]
    if dev.empty:
        return (
            None,
            "It could not be calibrated: the data set has no dev split, and training examples would flatter it.",
        )
    if stored is not None:
        table, which = store.artifacts.read_table(str(stored.path)), "predictions stored when the run was evaluated"
    else:
        part = dev.sample(min(len(dev), MOST_DEV), random_state=run.seed)
        table, which = predicted(part), "predicted just now"
    labels = [name.removeprefix("p_") for name in table.columns if name.startswith("p_")]
    try:
        found = calibrate(table[[f"p_{label}" for label in labels]].to_numpy(), labels, table["label"], seed=run.seed)
    except StatisticsError as error:
        return None, f"It could not be calibrated on the dev split: {error}."
    return found, (
        f"Calibrated by temperature scaling on {found.n:,} examples of the dev split at step {checkpoint.step:,} ({which})."
    )


def _known_confound(frame: pd.DataFrame, example: str | None) -> str | None:
    """The confound value of the example that the text is, if it is one."""
    if example is None:
        return None
    there = frame.loc[frame["id"].astype(str) == example, "confound"]
    return str(there.iloc[0]) if len(there) else None


# --- influence ---


def _influence(
    reporter: Reporter,
    found: Mapping[str, Any],
    text: Text,
    frame: pd.DataFrame,
    model: Any,
    tokenizer: Any,
    settings: TrainConfig,
) -> dict[str, Any]:
    store, job = reporter.store, reporter.job
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    sample = _sample(train, str(job.payload.get("rows", "sample")), settings.seed)
    n, label, confound = len(sample.rows), str(found["label"]), found["confound"]

    def tell(done: int, total: int | None) -> None:
        if total:
            reporter.progress(
                _DECIDED + (0.99 - _DECIDED) * done / total, f"influence of {n:,} training examples on the text"
            )

    try:
        scores = pulls(model, tokenizer, text, label, train, sample.rows, max_length=settings.max_length, progress=tell)
    except InfluenceError as error:
        return {"problem": str(error)}
    row = _own_row(train, text, job.payload.get("example"))
    itself = {"id": str(train["id"].iloc[row])} if row >= 0 else None
    path = artifact_of(str(job.run_id), job.id)
    arrays: dict[str, np.ndarray] = {"scores": scores, "rows": sample.rows.astype(np.int64)}
    reporter.patiently(lambda: store.artifacts.write_arrays(path, arrays))
    known = confound in set(train["confound"].astype(str))
    return {
        "problem": None,
        "path": path,
        "n": n,
        "n_train": len(train),
        "sampled": n < len(train),
        "seed": settings.seed,
        "row": row,
        "itself": itself,
        "cid": text_cid(scores, sample, label, str(confound), row=row, seed=settings.seed).to_dict() if known else None,
        "helpful": _most(train, scores, sample.rows, row, label, confound, sign=-1),
        "harmful": _most(train, scores, sample.rows, row, label, confound, sign=1),
    }


def _sample(train: pd.DataFrame, which: str, seed: int) -> Sample:
    label, confound = train["label"].astype(str), train["confound"].astype(str)
    cells = len(set(zip(label, confound, strict=True)))
    per_cell = len(train) if which == "all" or len(train) <= SAMPLED else max(1, SAMPLED // cells)
    return sample_cells(label, confound, per_cell=per_cell, seed=seed)


def _own_row(train: pd.DataFrame, text: Text, example: str | None) -> int:
    """The text's own row in the training set: by its id, else by its very words; −1 where it is not in it."""
    same = train["text"].astype(str) == text[0]
    if text[1] is not None:
        same &= train["text_b"].astype(str) == text[1]
    rows = np.flatnonzero(same)
    named = [row for row in rows if str(train["id"].iloc[row]) == example]
    return int(next(iter([*named, *rows]), -1))


def _most(
    train: pd.DataFrame,
    scores: np.ndarray,
    rows: np.ndarray,
    own: int,
    label: str,
    confound: str | None,
    *,
    sign: int,
) -> list[dict[str, Any]]:
    """The training examples with the highest (sign −1) or the lowest influence, the text itself left out."""
    order = [place for place in np.argsort(sign * scores, kind="stable")[: _LISTED + 1] if rows[place] != own]
    part = train.iloc[rows[order[:_LISTED]]]
    return [
        {
            "id": str(one.id),
            "influence": float(scores[place]),
            "label": str(one.label),
            "confound": str(one.confound),
            "group": "other label" if one.label != label else "same" if one.confound == confound else "different",
            "text": str(one.text)[:_SHOWN],
        }
        for place, one in zip(order, part.itertuples(), strict=False)
    ]
