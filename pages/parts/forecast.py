"""What a run will take, from what earlier runs took here or from the machine's measured speed, and what it needs."""

from statistics import median

import streamlit as st
from sqlalchemy import select

from core.encoders.catalogue import EncoderSpec, Shape
from core.errors import UserError
from core.formats import count, counted, megabytes, plain, roughly
from core.jobs.calibrate import known_speed
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Run
from core.training.config import TrainConfig
from core.training.effort import Effort, effort, known_in_cells
from core.training.estimate import Estimate, Lengths, Speed, estimate, token_lengths

RUNS = 10
MOST_TEXTS = 20_000
FREE = Speed("", 0.0, 0.0, 0.0, 0.0, micro_batch=16)
"""Where no speed was measured only the sizes are asked for, as on a CPU."""


def show_forecast(store: Store, dataset: Dataset, config: TrainConfig, spec: EncoderSpec, *, runs: int) -> None:
    """Steps, time and memory in a few lines. dataset: what is trained on."""
    cells = dataset.profile["splits"]["train"]["cells"]
    work = effort(config, cells)
    lines = [f":material/footprint: {_what(config, work)}" + (f" in each of {runs} runs" if runs > 1 else "")]
    if config.terms() or config.method == "adversarial":
        known = known_in_cells(config, cells)
        told = f"The confound counts as known for {count(known.known)} of {counted(known.n, 'training example')}"
        lines.append(f":material/visibility: {told}, {counted(known.counterexamples, 'counterexample')} among them.")
    needs, speed = _needs(store, dataset, config, spec)
    lines.append(f":material/schedule: {_time(store, config, spec, work, needs, speed, max(runs, 1))}")
    if needs is not None:
        lines.append(
            f":material/memory: About {megabytes(needs.memory_bytes)} of memory and {megabytes(needs.disk_bytes)} of "
            "disk" + (" for each" if runs > 1 else "") + ", an estimate from the encoder's sizes."
        )
    st.caption("  \n".join(lines))


def time_in_words(store: Store, dataset: Dataset, config: TrainConfig, spec: EncoderSpec) -> str:
    """How long one run will take, and from what that is known."""
    work = effort(config, dataset.profile["splits"]["train"]["cells"])
    return _time(store, config, spec, work, *_needs(store, dataset, config, spec), 1)


def _needs(
    store: Store, dataset: Dataset, config: TrainConfig, spec: EncoderSpec
) -> tuple[Estimate | None, Speed | None]:
    """What the encoder's sizes say, and the machine's speed; None for what is not known."""
    speed = known_speed(store)
    if spec.shape is None:
        return None, speed
    return _estimate(store, dataset.id, config.model_dump_json(), spec.shape, speed or FREE), speed


def _time(
    store: Store,
    config: TrainConfig,
    spec: EncoderSpec,
    work: Effort,
    needs: Estimate | None,
    speed: Speed | None,
    runs: int,
) -> str:
    pace, device = _pace(store, spec, config)
    if pace is not None:
        return f"About {roughly(pace * work.total * runs)} by the pace of earlier runs on {plain(device)}."
    if needs is not None and speed is not None:
        return f"About {roughly(needs.seconds * runs)}, give or take, by the measured speed of {plain(speed.title)}."
    return "Time: not known yet, no run with this encoder has finished here."


def _what(config: TrainConfig, work: Effort) -> str:
    parts = [counted(work.steps, "label step")] if work.steps else []
    if config.terms():
        rounds = f"{counted(work.rounds, 'tuning round')} of {counted(work.epochs, 'epoch')}"
        parts.append("the tuning loss in each" if config.schedule == "joint" else rounds)
    if work.points:
        parts.append(counted(work.points, "point of the CID curve", "points of the CID curve"))
    return ", ".join(parts)


@st.cache_data(max_entries=64, show_spinner=False)
def _estimate(_store: Store, dataset_id: str, config: str, shape: Shape, speed: Speed) -> Estimate:
    """What a run with this configuration (as JSON) on this data set needs."""
    asked = TrainConfig.model_validate_json(config)
    cells = queries.get_dataset(_store, dataset_id).profile["splits"]["train"]["cells"]
    return estimate(asked, shape, {"train": _token_lengths(_store, dataset_id, asked.max_length)}, speed, cells)


@st.cache_data(max_entries=16, show_spinner=False)
def _token_lengths(_store: Store, dataset_id: str, max_length: int) -> Lengths:
    """About how many tokens the training texts have, [N]; of a large set its first texts."""
    dataset = queries.get_dataset(_store, dataset_id)
    frame = queries.examples(_store, dataset, "train", ["text", "text_b"]).head(MOST_TEXTS)
    return token_lengths(frame["text"].str.cat(frame["text_b"].fillna("").astype(str), sep=" "), max_length)


def _pace(store: Store, spec: EncoderSpec, config: TrainConfig) -> tuple[float | None, str]:
    """Median seconds for what costs as much as one example in a label step, over the newest finished runs with this
    encoder and length, whatever their method."""
    statement = (
        select(Run.seconds, Run.steps, Run.config, Run.device, Dataset.profile)
        .join(Dataset, Dataset.id == Run.dataset_id)
        .where(Run.encoder == spec.name, Run.status == "done", Run.demo.is_(False), Run.steps > 0)
        .order_by(Run.created_at.desc())
        .limit(RUNS)
    )
    with store.reading() as session:
        rows = session.execute(statement).all()
    paces = []
    for row in rows:
        if not row.seconds or row.config.get("max_length") != config.max_length or "splits" not in row.profile:
            continue
        try:
            was = TrainConfig.of(row.config)
        except UserError:  # of another version
            continue
        work = effort(was, row.profile["splits"]["train"]["cells"], steps=row.steps)
        paces.append((row.seconds / work.total, str(row.device or "this machine")))
    return (median(pace for pace, _ in paces), paces[0][1]) if paces else (None, "")
