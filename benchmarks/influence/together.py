"""How many examples, and how many tuples, are best taken at once on a device.

    python -m benchmarks.influence.together [--device cuda] [--data ../shared/data] [--examples 1500] [--tuples 64]

MiniLM on TextLen, 40 probes; the second of two passes counts. What it finds stands in `core.influence.memory` and
`core.training.effort`.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.influence import setting
from benchmarks.influence.cases import Case
from benchmarks.influence.measure import influence_loss
from benchmarks.machine import machine
from core.influence.memory import MOST_EXAMPLES
from core.influence.scores import cosine_scores
from core.training.batching import by_length

EXAMPLES = (32, 64, 128, 256, 512)
TUPLES = (8, 16, 32, 64)


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--examples", type=int, default=1500, help="training examples that are scored")
    parser.add_argument("--tuples", type=int, default=64, help="tuples of one probe and five examples on either side")
    options = parser.parse_args()
    made = setting.make(Case("unconfound", tokens=None), options.data, options.device)
    probes, _ = made.batches(made.probes)
    print("| examples at once | ms an example |\n|---|---|")
    for size in EXAMPLES:
        MOST_EXAMPLES[options.device] = size
        lengths = made.train.lengths[: options.examples]
        batches = [made.train.batch(rows, made.device) for rows in by_length(lengths, size)]
        seconds = second_of_two(lambda batches=batches: cosine_scores(made.model, batches, probes))
        print(f"| {size} | {1000 * seconds / len(lengths):.2f} |", flush=True)
    rows = np.random.default_rng(0).permutation(len(made.train))[: 11 * options.tuples]
    print("\n| tuples at once | ms a tuple |\n|---|---|")
    for size in (one for one in TUPLES if one <= options.tuples):
        print(f"| {size} | {1000 * second_of_two(lambda size=size: tune(made, rows, size)) / options.tuples:.2f} |")
    about = machine()
    print(f"\n{about.get('gpu', about['processor'])}; torch {about['torch']}, transformers {about['transformers']}.")


def tune(made: setting.Setting, rows: np.ndarray, together: int) -> None:
    """The gradient of the influence loss of all tuples, so many in a graph."""
    for start in range(0, len(rows), 11 * together):
        part = rows[start : start + 11 * together]
        torch.autograd.backward(influence_loss(made.model, made.train.batch(part, made.device)))
    made.model.zero_grad(set_to_none=True)


def second_of_two(work: Callable[[], object]) -> float:
    """Seconds that it takes when everything is warm."""
    for _ in range(2):
        began = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
