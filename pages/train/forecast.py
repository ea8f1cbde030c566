"""What a run will take, from what earlier runs took here or from the machine's measured speed, and what it needs."""

from math import ceil
from statistics import median

import streamlit as st
from sqlalchemy import select

from core.encoders.catalogue import EncoderSpec
from core.jobs.calibrate import known_speed
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Run
from core.training.config import TrainConfig
from core.training.estimate import Lengths, Speed, estimate, token_lengths
from pages.parts.formats import counted, megabytes, roughly

RUNS = 10
MOST_TEXTS = 20_000
FREE = Speed("", 0.0, 0.0, 0.0, 0.0, micro_batch=None)  # where no speed was measured only the sizes are asked for


def show_forecast(store: Store, dataset: Dataset, config: TrainConfig, spec: EncoderSpec, *, runs: int) -> None:
    """Steps, time and memory in two or three lines."""
    examples = dataset.profile["splits"]["train"]["n"]
    steps = ceil(examples / config.batch_size) * config.label_epochs
    pace, device = _pace(store, spec, config)
    lines = [f":material/footprint: {counted(steps, 'step')}" + (f" in each of {runs} runs" if runs > 1 else "")]
    speed = known_speed(store)
    needs = None
    if spec.shape is not None:
        lengths = _token_lengths(store, dataset.id, config.max_length)
        needs = estimate(config, spec.shape, {"train": lengths}, speed or FREE)
    if pace is not None:
        seconds = pace * examples * config.label_epochs * max(runs, 1)
        lines.append(f":material/schedule: About {roughly(seconds)} by the pace of earlier runs on {device}.")
    elif needs is not None and speed is not None:
        seconds = needs.seconds * max(runs, 1)
        lines.append(
            f":material/schedule: About {roughly(seconds)}, give or take, by the measured speed of {speed.title}."
        )
    else:
        lines.append(":material/schedule: Time: not known yet, no run with this encoder has finished here.")
    if needs is not None:
        lines.append(
            f":material/memory: About {megabytes(needs.memory_bytes)} of memory and {megabytes(needs.disk_bytes)} of disk"
            + (" for each." if runs > 1 else ".")
        )
    st.caption("  \n".join(lines))


@st.cache_data(max_entries=16, show_spinner=False)
def _token_lengths(_store: Store, dataset_id: str, max_length: int) -> Lengths:
    """About how many tokens the training texts have, [N]; of a large set its first texts."""
    dataset = queries.get_dataset(_store, dataset_id)
    frame = queries.examples(_store, dataset, "train", ["text", "text_b"]).head(MOST_TEXTS)
    return token_lengths(frame["text"].str.cat(frame["text_b"].fillna("").astype(str), sep=" "), max_length)


def _pace(store: Store, spec: EncoderSpec, config: TrainConfig) -> tuple[float | None, str]:
    """Median seconds for one training example once, over the newest finished runs with this encoder and length."""
    statement = (
        select(Run.seconds, Run.steps, Run.config, Run.device)
        .where(Run.encoder == spec.name, Run.status == "done", Run.demo.is_(False), Run.steps > 0)
        .order_by(Run.created_at.desc())
        .limit(RUNS)
    )
    with store.reading() as session:
        rows = session.execute(statement).all()
    same = [row for row in rows if row.seconds and row.config.get("max_length") == config.max_length]
    paces = [row.seconds / (row.steps * row.config.get("batch_size", config.batch_size)) for row in same]
    return (median(paces), str(same[0].device or "this machine")) if paces else (None, "")
