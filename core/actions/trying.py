"""Trying a text on a run: what the model decides, what the confound has to do with it, which training examples it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.errors import NotFoundError, UserError
from core.formats import percent, signed
from core.jobs.launch import ensure_worker
from core.jobs.queue import submit
from core.jobs.tries import KIND, drop_old
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Job, Run

MOST_CHARACTERS = 50_000
ROWS = ("sample", "all")
"""Which training examples are scored: a seeded sample, equally many of every cell, or all of them."""

_PRIORITY = 10  # somebody sits and waits


def start_try(
    store: Store,
    settings: Settings,
    run: Run,
    text: str,
    *,
    text_b: str | None = None,
    checkpoint: str = "final",
    label: str | None = None,
    confound: str | None = None,
    rows: str = "sample",
    example: str | None = None,
) -> Job:
    """Queue the try of one text; it comes before what else waits. When it is done `try_of` reads what was found.

    Args:
        checkpoint: "final", or a label step that has a checkpoint whose weights are kept.
        label: the label whose influence is asked for; the predicted one when not given.
        confound: the text's confound value; when not given, what the text shows, if the confound is a word in it.
        rows: "sample" or "all", see `ROWS`; a small training set is taken whole in either case.
        example: id of the data set's example that the text is.

    Raises:
        UserError: there is nothing to read or too much, no such checkpoint, label or confound value, or no weights;
            nothing was queued.
    """
    dataset = queries.get_dataset(store, run.dataset_id)
    wish = {
        "text": _usable("text", text),
        "text_b": None if not (text_b or "").strip() else _usable("second text", str(text_b)),
        "label": _one_of("label", label, dataset.labels, dataset),
        "confound": _one_of("confound value", confound, dataset.confounds, dataset),
        "rows": _one_of("choice of training examples", rows, ROWS, dataset),
        "example": example,
    }
    if wish["text_b"] is not None and dataset.mapping.get("text_b") is None:
        raise UserError(
            f"The texts of {dataset.name!r} have no second text, so the model cannot read one. Leave it out."
        )
    if run.demo:
        raise UserError(
            f"{run.name!r} is the precomputed demo and has no weights to try a text on. Train a run of your own first."
        )
    start = queries.get_checkpoint(store, run, checkpoint)
    if start.path is None:
        raise UserError(
            f"The weights of {run.name!r} at step {start.step} are not kept, so no text can be tried on them. "
            "Choose another checkpoint, or train a run of your own."
        )
    drop_old(store, run.id)
    with store.writing() as session:
        job = submit(
            session,
            KIND,
            {**wish, "checkpoint": start.step},
            run_id=run.id,
            priority=_PRIORITY,
            max_queue=settings.max_queue,
        )
    ensure_worker(settings)
    return job


def try_of(job: Job) -> dict[str, Any] | None:
    """What a try has found so far; None before the model has decided.

    labels; versions: the text as it is and with each other confound value, each with `value` (None: none of them), the
    `predicted` label, its calibrated `confidence`, calibrated and `uncalibrated` `probabilities`; calibration and
    calibrated_on; editable or not_editable (why); label and confound that influence was asked for; influence: None while
    it is being measured, else `problem`, or n of n_train, cid with its interval, helpful and harmful; seconds since the
    job was begun until the model was loaded, had decided, and all was known.
    """
    found = (job.result or {}).get(KIND)
    return None if job.kind != KIND else found


def get_try(store: Store, run: Run, job_id: str) -> Job:
    """A try of this run.

    Raises:
        NotFoundError: there is none with this id, or it is of another run.
    """
    job = queries.get_job(store, job_id)
    if job.kind != KIND or job.run_id != run.id:
        raise NotFoundError(f"The job {job_id!r} is no try of a text on {run.name!r}.")
    return job


@dataclass(frozen=True, kw_only=True)
class TryRow:
    """A line of the list of tries."""

    id: str
    status: str
    created_at: datetime
    text: str
    checkpoint: int


def tries(store: Store, run: Run, *, limit: int = 10) -> Sequence[TryRow]:
    """The last tries of a run, newest first, each with the beginning of its text."""
    statement = (
        select(Job.id, Job.status, Job.created_at, Job.payload)
        .where(Job.run_id == run.id, Job.kind == KIND)
        .order_by(Job.created_at.desc(), Job.id)
        .limit(limit)
    )
    with store.reading() as session:
        return [
            TryRow(
                id=row.id,
                status=row.status,
                created_at=row.created_at,
                text=str(row.payload["text"])[:200],
                checkpoint=int(row.payload["checkpoint"]),
            )
            for row in session.execute(statement)
        ]


def in_words(found: dict[str, Any]) -> list[str]:
    """What a try has found, in plain sentences: the decision, the confound's part in it, the influence."""
    said = [decision_in_words(found), *swap_in_words(found)]
    return [*said, *influence_in_words(found)] if found["influence"] else said


def decision_in_words(found: dict[str, Any]) -> str:
    """ "short, 93.1 % sure." with what the confidence was calibrated on."""
    first = found["versions"][0]
    return f"The model decides {first['predicted']}, {percent(first['confidence'])} sure."


def swap_in_words(found: dict[str, Any]) -> list[str]:
    """What the same text with each other confound value gets, a sentence each; or why there are no other versions."""
    if not found["editable"]:
        return [f"The confound alone cannot be changed in this text. {found['not_editable']}"]
    first, *others = found["versions"]
    label = first["predicted"]
    before = first["probabilities"][label]
    told = []
    for one in others:
        after = one["probabilities"][label]
        what = f"as {one['value']}" if one["value"] is not None else "without it"
        from_to = f"the probability of {label} from {percent(before)} to {percent(after)}"
        if one["predicted"] != label:
            told.append(
                f"Changing only the confound ({what}) changes the decision to {one['predicted']}: it moves {from_to}."
            )
        else:
            told.append(f"Changing only the confound ({what}) leaves the decision {label}; it moves {from_to}.")
    return told


def influence_in_words(found: dict[str, Any]) -> list[str]:
    """What the training examples say, in a sentence or two."""
    influence = found["influence"]
    if influence["problem"]:
        return [f"The influence on this text could not be measured. {influence['problem']}"]
    cid = influence["cid"]
    if cid is None:
        return [
            "Which training examples share this text's confound is not known, so it has no CID. Say which confound value "
            "the text has to see both groups."
        ]
    if cid["cid"] is None:
        return [
            f"The text has no CID: of the training examples labelled {found['label']}, {cid['n_a']:,} share its confound "
            f"value {found['confound']} and {cid['n_b']:,} have another. Both are needed."
        ]
    way = "more" if round(cid["cid"], 2) >= 0 else "less"
    low, high = cid["ci"]
    return [
        f"Among training examples labelled {found['label']}, the {cid['n_a']:,} that share {found['confound']} speak "
        f"{signed(abs(cid['cid']))} {way} for {found['label']} than the {cid['n_b']:,} that don't: CID of this text "
        f"{signed(cid['cid'])} (95 % {signed(low)} to {signed(high)})."
    ]


def _usable(what: str, text: str) -> str:
    """The text as it will be kept: without what no store can hold (a null character, half of a surrogate pair)."""
    if len(text) > MOST_CHARACTERS:
        raise UserError(f"The {what} has {len(text):,} characters; {MOST_CHARACTERS:,} are the most. Shorten it.")
    kept = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if not kept.strip():
        raise UserError(f"The {what} is empty. Type one, or take an example of the data set.")
    return kept


def _one_of(what: str, value: str | None, known: Sequence[str], dataset: Dataset) -> str | None:
    if value is None or value in known:
        return value
    raise UserError(f"There is no {what} {value[:60]!r} for {dataset.name!r}. Known are {', '.join(known[:20])}.")
