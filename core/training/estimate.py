"""How long a run will take and how much memory it needs, said before it starts. Imports no torch.

A label step costs arithmetic, memory traffic, calls and one pass of the optimiser. What each of these takes is measured
once per machine (`core.training.calibration.measure_speed`); the rest is counting. Tuning and the CID curve are counted
as so many label steps (`core.training.effort`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.encoders.catalogue import Shape
from core.training.config import TrainConfig
from core.training.effort import AT_ONCE, Cells, Effort, effort

Lengths = NDArray[np.int64]

_PIECES = re.compile(r"\w+|[^\w\s]")
_TOKENS_PER_PIECE = 1.1
_FORWARD_SHARE = 1 / 3
_DISK_BYTES_PER_SECOND = 2e8
_START_SECONDS = 4.0
_PROCESS_BYTES = 600e6
EVALUATION_BATCH = 64

_GRAPH = {"influence": 2.3, "embedding": 0.7}
"""What an example of a tuple holds at the fullest moment, against one of a label step, whose gradient has no graph of its
own. Measured: MiniLM on one core, 64 tuples of 40 tokens; 26 and 8 MB an example."""

_KEPT = 0.55
"""What autograd keeps of an example without dropout, against what one of a label step holds."""

_SCORED = {"cpu": 32, "cuda": 256}
_SCORING_LIMIT = {"cpu": 4 * 2.0**30, "cuda": float("inf")}
"""Of the influence engine: training examples at a time, and the most it takes beside the model (on a GPU, what is free)."""


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


def estimate(
    config: TrainConfig, shape: Shape, lengths: Mapping[str, Lengths], speed: Speed, cells: Cells = ()
) -> Estimate:
    """Predict a run.

    Args:
        lengths: split → tokens of each example (`token_lengths`), already cut to max_length.
        cells: of the training set. Without them four of equal size are assumed, two labels with two confound values.
    """
    train = lengths["train"]
    usual = config.batch_size if speed.micro_batch is None else speed.micro_batch
    micro = min(config.micro_batch or usual, config.batch_size)
    counted = effort(config, cells or _four(len(train)))
    starts = range(0, len(train), config.batch_size)
    order = np.random.default_rng(0).permutation(train)  # [N]
    epoch = sum((step_work(shape, order[s : s + config.batch_size], micro) for s in starts), Work(0, 0, 0, 0))
    scored = {split: forward_work(shape, values) for split, values in lengths.items()}
    kept = max(1, min(config.checkpoints, counted.steps))
    evaluation = sum(scored.values(), Work(0, 0, 0, 0))
    if "dev" in scored:
        evaluation += scored["dev"].times(kept - 1)
    checkpoint, state = 4.0 * shape.parameters, 12.0 * shape.parameters
    seconds = _START_SECONDS + kept * (checkpoint + state) / _DISK_BYTES_PER_SECOND
    seconds += speed.seconds(epoch) * counted.total / len(train) + speed.seconds(evaluation)
    device = "cpu" if config.device == "cpu" or speed.micro_batch is not None else "cuda"
    return Estimate(
        steps=counted.steps,
        seconds=seconds,
        low=0.7 * seconds,
        high=1.4 * seconds,
        memory_bytes=_memory(config, shape, micro, train, counted, device),
        disk_bytes=kept * checkpoint + 2 * state,
    )


def _four(n: int) -> Cells:
    pairs = [(label, confound) for label in "ab" for confound in "ab"]
    return [{"label": y, "confound": c, "n": (n + place) // 4} for place, (y, c) in enumerate(pairs)]


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


def _memory(config: TrainConfig, shape: Shape, micro: int, train: Lengths, counted: Effort, device: str) -> float:
    """Weights, gradients and two moments in float32 (those of a round's optimiser too), the process itself, and
    whatever is largest of one micro-batch's activations, a tuning step's graph and the scoring of a point of the curve."""
    longest = int(train.max())
    steady = _PROCESS_BYTES + 16.0 * shape.parameters + 4.0 * shape.vocabulary * shape.hidden
    steady += 8.0 * shape.parameters if counted.rounds else 0.0
    passing = [_activations(shape, micro, longest)]
    sizes, often = np.unique(train, return_counts=True)
    mean = float(np.average([_activations(shape, 1, int(t)) for t in sizes], weights=often))
    passing += [_GRAPH[term] * mean * min(AT_ONCE[term, device], counted.at_once) for term in config.terms()]
    if counted.points:
        passing.append(_scoring(shape, config.diagnose_probes, longest, device))
    return steady + max(passing)


def _scoring(shape: Shape, p: int, t: int, device: str) -> float:
    """The gradients of `p` probes, kept as matrices or as their factors by what is quicker, and one piece of examples."""
    h, i = shape.hidden, shape.intermediate
    sides, matrices = 8 * h + 2 * (h + i), 4 * h * h + 2 * h * i  # of one layer
    kept = t * sides if t * t * p * sides < 2.5 * (t + p) * matrices else matrices
    rows = min(shape.vocabulary, p * t) * h
    examples = _SCORED[device] * (2 * _KEPT * _activations(shape, 1, t) + 4.0 * rows)
    return min(4.0 * p * (shape.layers * kept + rows) + examples, _SCORING_LIMIT[device])


def _activations(shape: Shape, b: int, t: int) -> float:
    """What `b` examples of `t` tokens hold in a label step."""
    attention_rows = shape.hidden / 32 * t * 5
    return 4.0 * shape.layers * b * t * (14 * shape.hidden + 3 * shape.intermediate + attention_rows)
