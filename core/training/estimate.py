"""How long a run will take and how much memory it needs, said before it starts. Imports no torch.

A label step costs arithmetic, memory traffic, calls and one pass of the optimiser. What each of these takes is measured
once per machine (`core.training.calibration.measure_speed`); the rest is counting.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.encoders.catalogue import Shape
from core.training.config import TrainConfig

Lengths = NDArray[np.int64]

_PIECES = re.compile(r"\w+|[^\w\s]")
_TOKENS_PER_PIECE = 1.1
_FORWARD_SHARE = 1 / 3
_DISK_BYTES_PER_SECOND = 2e8
_START_SECONDS = 4.0
_PROCESS_BYTES = 600e6
EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Speed:
    """Seconds per floating-point operation, activation element, layer call and trained parameter, on one machine.

    micro_batch: examples at once on this machine when the settings do not say (None: the whole batch).
    """

    title: str
    flop: float
    element: float
    call: float
    parameter: float
    micro_batch: int | None

    def to_dict(self) -> dict[str, Any]:
        """For keeping it as JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Speed":
        """What `to_dict` gave."""
        return cls(**values)

    def seconds(self, work: "Work") -> float:
        """How long some work takes here."""
        costs = (self.flop, self.element, self.call, self.parameter)
        return float(np.dot(costs, work.counts()))


@dataclass(frozen=True)
class Work:
    """What label steps ask of a machine: operations, activation elements, layer calls, parameters updated."""

    flops: float
    elements: float
    calls: float
    parameters: float

    def counts(self) -> tuple[float, float, float, float]:
        """The four numbers, in the order of `Speed`'s costs."""
        return self.flops, self.elements, self.calls, self.parameters

    def times(self, factor: float) -> "Work":
        """The same work `factor` times."""
        return Work(*(factor * count for count in self.counts()))

    def __add__(self, other: "Work") -> "Work":
        return Work(*(one + two for one, two in zip(self.counts(), other.counts(), strict=True)))


@dataclass(frozen=True)
class Estimate:
    """Predicted cost of a run. low and high: an allowance of −30 and +40 % for what else the machine does; not a measured error."""

    steps: int
    seconds: float
    low: float
    high: float
    memory_bytes: float
    disk_bytes: float


def estimate(config: TrainConfig, shape: Shape, lengths: Mapping[str, Lengths], speed: Speed) -> Estimate:
    """Predict a run. lengths: split → tokens of each example (`token_lengths`), already cut to max_length."""
    train = lengths["train"]
    usual = config.batch_size if speed.micro_batch is None else speed.micro_batch
    micro = min(config.micro_batch or usual, config.batch_size)
    starts = range(0, len(train), config.batch_size)
    order = np.random.default_rng(0).permutation(train)  # [N]
    epoch = sum((step_work(shape, order[s : s + config.batch_size], micro) for s in starts), Work(0, 0, 0, 0))
    scored = {split: forward_work(shape, values) for split, values in lengths.items()}
    kept = min(config.checkpoints, len(starts) * config.label_epochs)
    evaluation = sum(scored.values(), Work(0, 0, 0, 0))
    if "dev" in scored:
        evaluation += scored["dev"].times(kept - 1)
    checkpoint, state = 4.0 * shape.parameters, 12.0 * shape.parameters
    seconds = _START_SECONDS + kept * (checkpoint + state) / _DISK_BYTES_PER_SECOND
    seconds += speed.seconds(epoch.times(config.label_epochs)) + speed.seconds(evaluation)
    return Estimate(
        steps=len(starts) * config.label_epochs,
        seconds=seconds,
        low=0.7 * seconds,
        high=1.4 * seconds,
        memory_bytes=_memory(shape, micro, int(train.max())),
        disk_bytes=kept * checkpoint + 2 * state,
    )


def token_lengths(texts: Iterable[str], max_length: int) -> Lengths:
    """About how many tokens each text has, [N], without a tokenizer: 1.1 per word or sign, and two for the frame."""
    counts = [len(_PIECES.findall(text)) for text in texts]
    return np.minimum(np.ceil(np.array(counts) * _TOKENS_PER_PIECE + 2), max_length).astype(np.int64)


def step_work(shape: Shape, lengths: Lengths, micro: int) -> Work:
    """One label step over examples of these lengths, cut into micro-batches sorted by length."""
    order = np.sort(lengths)[::-1]
    parts = [order[start : start + micro] for start in range(0, len(order), micro)]
    work = sum((_pass(shape, len(part), int(part[0])) for part in parts), Work(0, 0, 0, 0))
    return work + Work(0, 0, 0, shape.parameters)


def forward_work(shape: Shape, lengths: Lengths) -> Work:
    """Scoring examples once."""
    return step_work(shape, lengths, EVALUATION_BATCH).times(_FORWARD_SHARE) + Work(0, 0, 0, -shape.parameters / 3)


def _pass(shape: Shape, b: int, t: int) -> Work:
    """Forward and backward of `b` examples padded to `t` tokens.

    6 operations per weight and token, 12 L b t² H for attention; elements: what a layer writes between its products.
    """
    attention = shape.layers * b * t * t * shape.hidden
    elements = shape.layers * b * t * (12 * shape.hidden + 4 * shape.intermediate) + attention / 4
    return Work(6.0 * shape.matrix_parameters * b * t + 12.0 * attention, elements, shape.layers + 2, 0)


def _memory(shape: Shape, b: int, t: int) -> float:
    """Weights, gradients and two moments in float32, the activations of one micro-batch, and the process itself."""
    attention_rows = shape.hidden / 32 * t * 5
    activations = 4.0 * shape.layers * b * t * (14 * shape.hidden + 3 * shape.intermediate + attention_rows)
    return _PROCESS_BYTES + 16.0 * shape.parameters + 4.0 * shape.vocabulary * shape.hidden + activations
