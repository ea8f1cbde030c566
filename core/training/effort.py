"""How much a run does, counted before it starts from its settings and the sizes of the cells. Imports no torch.

Everything is counted in examples that go once through a label step, so that runs of different methods can be compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from core.training.config import TrainConfig

Cells = Sequence[Mapping[str, Any]]
"""`label`, `confound` and `n` of each cell of the training set, in sorted order, as a data set's profile has them."""

TUNING_COST = {"influence": 2.7, "embedding": 1.0}
"""An example of a tuple, against one in a label step. Measured: MiniLM on a CPU, `python -m benchmarks.influence`."""

AT_ONCE = {("influence", "cpu"): 88, ("influence", "cuda"): 352, ("embedding", "cpu"): 352, ("embedding", "cuda"): 2816}
"""Examples whose graph a tuning step holds at once. MiniLM on two cores, tuples of eleven: 0.37 s a tuple for four at
once, 0.30 s for eight, no less for sixteen. Peak at 40 tokens: about 3 GB for either term. On an H100 22 ms a tuple for
eight at once, 10 for sixteen, 8 for 32 (8 GiB), 5.5 for 64 (14 GiB)."""

CURVE_COST = 1.3
"""A training example scored against at most `_PROBES` probes; against more it takes in proportion."""

_PROBES = 40


@dataclass(frozen=True)
class Known:
    """Sizes of what `tuples.known_examples` chooses.

    n: training examples; known: those whose confound counts as known; counterexamples: of these, those outside their
    label's largest cell; probes: of these, those that can serve as probes; tuple_size: examples of a tuple, on average.
    """

    n: int
    known: int
    counterexamples: int
    probes: int
    tuple_size: float


@dataclass(frozen=True)
class Effort:
    """What a run does.

    steps: label steps; rounds: tuning rounds; epochs: of each; points: of the CID curve, those within rounds included.
    at_once: examples of one tuning step. label, tuning, curve: examples of a label step that each of them is worth.
    """

    steps: int
    rounds: int
    epochs: int
    points: int
    at_once: int
    label: float
    tuning: float
    curve: float

    @property
    def total(self) -> float:
        """Examples of a label step that the whole run is worth, but for its evaluations."""
        return self.label + self.tuning + self.curve


def known_in_cells(config: TrainConfig, cells: Cells) -> Known:
    """Count what the method may look at: of each cell the share `access_rate`, and the counterexamples that are kept."""
    known: dict[str, dict[str, int]] = {}
    for label in dict.fromkeys(cell["label"] for cell in cells):
        sizes = {cell["confound"]: int(cell["n"]) for cell in cells if cell["label"] == label and cell["n"]}
        largest = max(sizes, key=lambda confound: sizes[confound], default=None)
        wanted = {confound: round(config.access_rate * size) for confound, size in sizes.items()}
        kept = {c: 0 if c == largest else min(config.keep_counterexamples, size) for c, size in sizes.items()}
        known[label] = {c: n for c in sizes if (n := max(wanted[c], kept[c]))}
    there = [list(of.values()) for of in known.values() if of]
    usable = [(n, sum(of) - n) for of in there if len(of) > 1 for n in of if n > 1]  # a cell, its counterexamples
    probes = sum(n for n, _ in usable)
    drawn = sum(n * (1 + min(config.k, n - 1) + min(config.k, others)) for n, others in usable)
    return Known(
        n=sum(int(cell["n"]) for cell in cells),
        known=sum(map(sum, there)),
        counterexamples=sum(sum(of) - max(of) for of in there),
        probes=probes,
        tuple_size=drawn / probes if probes else 0.0,
    )


def effort(config: TrainConfig, cells: Cells, *, steps: int | None = None) -> Effort:
    """Count a run. steps: its label steps, where they are known already."""
    known = known_in_cells(config, cells)
    per_epoch = ceil(known.n / config.batch_size)
    if steps is None:
        steps = per_epoch * config.label_epochs if config.label_steps is None else config.label_steps
    rounds = rounds_in(config, steps)
    cost = sum(TUNING_COST[term] for term in config.terms())
    joint = bool(config.terms()) and config.schedule == "joint"
    drawn = min(config.joint_probes if joint else config.probes_per_epoch, known.probes)  # in a label step or an epoch
    epochs = config.epochs_per_round() if rounds else 0
    points = _points(config, steps, rounds * (1 + epochs))
    rows = sum(min(int(cell["n"]), config.diagnose_rows) for cell in cells)
    point = rows * CURVE_COST * max(1.0, config.diagnose_probes / _PROBES) + config.diagnose_probes
    return Effort(
        steps=steps,
        rounds=rounds,
        epochs=epochs,
        points=points,
        at_once=ceil(min(drawn, drawn if joint else config.round_batch) * known.tuple_size) if cost else 0,
        label=known.n * steps / per_epoch,
        tuning=(steps if joint else rounds * epochs) * drawn * known.tuple_size * cost,
        curve=points * point,
    )


def rounds_in(config: TrainConfig, steps: int) -> int:
    """How many rounds come in so many label steps, as `rounds.RoundSchedule` places them."""
    if not config.terms() or config.schedule == "joint":
        return 0
    if config.schedule == "once":
        return 1
    return sum(2 * (steps - step) >= config.interval for step in range(config.interval, steps, config.interval))


def _points(config: TrainConfig, steps: int, within: int) -> int:
    """Points of the CID curve: before the first label step, at every so many, after the last, and `within` rounds."""
    if not config.diagnose_every and config.schedule != "once":
        return 0
    every = config.diagnose_every or max(steps, 1)
    return within + len({*range(0, steps + 1, every), steps})
