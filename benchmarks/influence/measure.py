"""One case in a process of its own: `python -m benchmarks.influence.measure DATA DEVICE`.

Says "ready" once all is imported, reads the case as a line of JSON, and prints one JSON object. The training that a ratio
refers to is measured right before and right after the tool, so that whatever else the machine does weighs on both.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from benchmarks.influence import peers, reference, setting
from benchmarks.influence.cases import Case
from core.influence.pairs import pair_cosines
from core.training.config import TrainConfig
from core.training.device import choose_machine
from core.training.effort import AT_ONCE
from core.training.objectives import make_objective
from core.training.steps import LabelSteps

TUPLES = {device: most // 11 for (term, device), most in AT_ONCE.items() if term == "influence"}
"""Tuples in one graph, as a tuning round takes them."""

CHECKED = 8
"""Training examples, and probes, whose scores are compared with a float64 loop."""


def main() -> None:
    """Measure the case that is told on standard input."""
    print("ready", flush=True)
    case = Case(**json.loads(sys.stdin.readline()))
    made = setting.make(case, Path(sys.argv[1]), sys.argv[2])
    result = (tuning if case.kind == "tuning" else scores)(case, made)
    print(json.dumps(result))


def scores(case: Case, made: setting.Setting) -> dict[str, Any]:
    """Seconds a training example, beside an epoch's; peak memory; error."""
    tool = peers.TOOLS[case.tool]
    epoch = Epoch(made)
    epoch.seconds(16)
    tool(made, 2, min(2, case.scored_probes))
    before = epoch.seconds(256)
    with watched(made.device) as peak:
        began = time.perf_counter()
        found = tool(made, case.scored, case.scored_probes)
        _wait(made.device)
        seconds = (time.perf_counter() - began) / case.scored * case.probes / case.scored_probes
    after = epoch.seconds(256)
    training = (before + after) / 2
    return {
        "seconds_per_example": seconds,
        "training_seconds_per_example": training,
        "ratio_to_epoch": seconds / training,
        "peak_bytes": peak.bytes,
        "max_error": error(made, found, linear_only=case.tool == "kronfluence"),
    }


def tuning(case: Case, made: setting.Setting) -> dict[str, Any]:
    """Seconds a tuple of 1 + 5 + 5, beside the trainer's own label step on the same examples."""
    rows = np.random.default_rng(0).permutation(len(made.train))[: 11 * case.scored]
    together = 11 * TUPLES[made.device.type]
    config = TrainConfig(device=made.device.type, batch_size=len(rows))
    steps = LabelSteps(config, made.model, make_objective(config), choose_machine(config), print)

    def plain() -> float:
        began = time.perf_counter()
        steps.step(made.train, rows, 0.0)
        _wait(made.device)
        return (time.perf_counter() - began) / case.scored

    def influence() -> float:
        began = time.perf_counter()
        with steps.gradients_of(steps.named_parameters()):
            for start in range(0, len(rows), together):
                part = rows[start : start + together]
                torch.autograd.backward(influence_loss(made.model, made.train.batch(part, made.device)))
            steps.collect_rows()
            steps.optimizer.step()
        _wait(made.device)
        return (time.perf_counter() - began) / case.scored

    plain()
    before = plain()
    made.model.eval()
    with watched(made.device) as peak:
        if case.tool == "reference":
            began = time.perf_counter()
            probe, *others = (made.train.batch(np.array([row]), made.device) for row in rows[:11])
            reference.tuple_gradient(made.model, probe, others[:5], others[5:])
            seconds = time.perf_counter() - began
        else:
            influence()
            seconds = min(influence(), influence())
    step = min(before, plain())
    return {
        "seconds_per_tuple": seconds,
        "training_step_seconds": step,
        "ratio_to_step": seconds / step,
        "peak_bytes": peak.bytes,
    }


def influence_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """`Σ (mean_A I − mean_B I)²` of tuples that stand one after another, each the probe, five of A and five of B."""
    tuples = len(batch["labels"]) // 11
    starts = [11 * number for number in range(tuples)]
    left = [start + place for start in starts for place in range(1, 11)]
    cosines = pair_cosines(model, batch, left, [start for start in starts for _ in range(10)], create_graph=True)
    means = cosines.view(tuples, 2, 5).mean(2)  # [tuples, 2]
    return (means[:, 0] - means[:, 1]).square().sum()


class Epoch:
    """The project's own trainer on the setting's examples, learning rate 0."""

    def __init__(self, made: setting.Setting) -> None:
        self._made = made
        config = TrainConfig(device=made.device.type, max_length=max(64, int(made.train.lengths.max())))
        self._steps = LabelSteps(config, made.model, make_objective(config), choose_machine(config), print)
        self._order = np.random.default_rng(0).permutation(len(made.train))

    def seconds(self, examples: int) -> float:
        """Seconds an example, over label steps of 64."""
        began = time.perf_counter()
        rows = self._order[:examples]
        for start in range(0, len(rows), 64):
            self._steps.step(self._made.train, rows[start : start + 64], 0.0)
        _wait(self._made.device)
        self._made.model.eval()
        return (time.perf_counter() - began) / len(rows)


def error(made: setting.Setting, found: Tensor, *, linear_only: bool) -> float:
    """Largest difference to a float64 loop, on the first few examples and probes."""
    rows, columns = min(CHECKED, found.shape[0]), min(CHECKED, found.shape[1])
    model = made.model.double().eval()
    names = {
        f"{path}.{name}"
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) or not linear_only
        for name, _ in module.named_parameters(recurse=False)
    }
    theta = [parameter.requires_grad_() for name, parameter in model.named_parameters() if name in names]

    def gradients(encoded: Any, count: int) -> Tensor:
        flat = []
        for example in peers.singles(made, encoded, count):
            found = torch.autograd.grad(model(**example).loss, theta)
            flat.append(torch.cat([g.flatten() for g in found]))
        return nn.functional.normalize(torch.stack(flat))  # [·, D]

    exact = gradients(made.train, rows) @ gradients(made.probes, columns).T
    return float((found[:rows, :columns].to(exact) - exact).abs().max())


@dataclass
class Peak:
    """The most memory seen: of the process on a CPU, allocated on a GPU."""

    bytes: int = 0
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def watched(device: torch.device) -> Iterator[Peak]:
    """Watch memory until the block ends."""
    peak = Peak()

    def watch() -> None:
        process = psutil.Process()
        while not peak.over.wait(0.02):
            peak.bytes = max(peak.bytes, process.memory_info().rss)

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated(device)
        return
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield peak
    peak.over.set()
    watcher.join()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
