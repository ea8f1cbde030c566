"""Where a tuning step's time goes, beside a label step's on the same examples.

    python -m benchmarks.influence.profile [--data ../shared/data] [--save FILE.md]

Shares of the processor's time by kind of operation, from torch's profiler (which itself adds some), MiniLM on TextLen,
16 tuples of eleven. The matrix products of the model bound a tuning step from below: forward, backward to the layers'
outputs, and twice as much again for the derivative of both, six units where a label step has three.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.influence import setting
from benchmarks.influence.cases import Case
from benchmarks.influence.measure import TUPLES, influence_loss
from benchmarks.machine import machine
from core.training.config import TrainConfig
from core.training.device import choose_machine
from core.training.objectives import make_objective
from core.training.steps import LabelSteps

GRAMS = "inner products of tokens"
KINDS = {
    "matrix products of the model": ("aten::mm", "aten::addmm", "aten::addmm_"),
    "attention": ("aten::bmm", "aten::baddbmm_", "aten::_softmax", "aten::_softmax_backward_data"),
    "dropout": ("aten::bernoulli_", "aten::native_dropout"),
    "optimiser": ("aten::_fused_adamw_",),
}
ORDER = (*KINDS, GRAMS, "elementwise, normalisation, copies, the rest")
HEAD = "| milliseconds an example | label step | tuning step | tuning / label |\n|---|---|---|---|"


def main() -> None:
    """Profile both steps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    made = setting.make(Case("unconfound", tokens=None, kind="tuning"), options.data, "cpu")
    rows = np.random.default_rng(0).permutation(len(made.train))[: 11 * 16]
    config = TrainConfig(device="cpu", batch_size=len(rows))
    steps = LabelSteps(config, made.model, make_objective(config), choose_machine(config), print)

    def tuning() -> None:
        made.model.eval()
        with steps.gradients_of(steps.named_parameters()):
            for start in range(0, len(rows), 11 * TUPLES["cpu"]):
                part = rows[start : start + 11 * TUPLES["cpu"]]
                torch.autograd.backward(influence_loss(made.model, made.train.batch(part)))
            steps.collect_rows()
            steps.optimizer.step()

    label, tune = (shares(function, len(rows)) for function in (lambda: steps.step(made.train, rows, 0.0), tuning))
    lines = [HEAD, *(_line(kind, label[kind], tune[kind]) for kind in ORDER), _line("all", label.total(), tune.total())]
    about = machine()
    lines += ["", f"{about['processor']}, {about['torch_threads']} threads; torch {about['torch']}.", ""]
    text = "\n".join(lines)
    if options.save:
        options.save.write_text(text)
    print(text)


def shares(function: Callable[[], object], examples: int) -> Counter[str]:
    """Milliseconds an example by kind of operation, the second of two runs."""
    function()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        function()
    found: Counter[str] = Counter()
    for event in profiler.events():
        found[_kind(event)] += event.self_cpu_time_total / 1000 / examples
    return found


def _kind(event: "torch.autograd.profiler_util.FunctionEvent") -> str:
    above = event
    while above is not None:
        if "_TokenGrams" in above.name:
            return GRAMS
        above = above.cpu_parent
    return next((kind for kind, names in KINDS.items() if event.name in names), ORDER[-1])


def _line(kind: str, label: float, tune: float) -> str:
    ratio = f"{tune / label:.2f}" if label > 0.005 else "–"
    return f"| {kind} | {label:.2f} | {tune:.2f} | {ratio} |"


if __name__ == "__main__":
    main()
