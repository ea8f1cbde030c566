"""What a label step's four kinds of work cost on this machine, measured with label steps of small random models."""

from time import perf_counter

import numpy as np
import scipy
import torch
from transformers import BertConfig, BertForSequenceClassification

from core.encoders.catalogue import Shape
from core.training.batching import Encoded
from core.training.config import TrainConfig
from core.training.device import CPU_MICRO_BATCH, choose_machine
from core.training.estimate import Speed, step_work
from core.training.objectives import Finetune
from core.training.steps import LabelSteps

_TRIALS = (
    (Shape(layers=2, hidden=32, intermediate=64, vocabulary=1000, positions=64), 16, 16),
    (Shape(layers=8, hidden=32, intermediate=64, vocabulary=1000, positions=64), 16, 16),
    (Shape(layers=2, hidden=384, intermediate=1536, vocabulary=1000, positions=64), 16, 24),
    (Shape(layers=2, hidden=384, intermediate=1536, vocabulary=1000, positions=64), 16, 64),
    (Shape(layers=1, hidden=384, intermediate=1536, vocabulary=30000, positions=64), 16, 8),
    (Shape(layers=1, hidden=768, intermediate=3072, vocabulary=1000, positions=64), 16, 32),
)
"""Shapes, examples and tokens, chosen so that each kind of work dominates in one of them."""

_REPEATS = 3


def measure_speed(config: TrainConfig) -> Speed:
    """Measure this machine in the precision that the settings ask for; takes a few seconds.

    The four costs are the non-negative least-squares fit to the times of `_TRIALS`, each weighted to count alike.
    """
    machine = choose_machine(config)
    micro = CPU_MICRO_BATCH if machine.device.type == "cpu" else None
    counts, times = [], []
    for shape, b, t in _TRIALS:
        counts.append(step_work(shape, np.full(b, t), b).counts())
        times.append(_seconds_per_step(config, shape, b, t))
    rows, seconds = np.array(counts), np.array(times)  # [trials, 4], [trials]
    scale = rows.max(axis=0)  # [4]
    costs, _ = scipy.optimize.nnls(rows / scale / seconds[:, None], np.ones(len(seconds)))  # [4]
    flop, element, call, parameter = (costs / scale).tolist()
    return Speed(machine.title, flop, element, call, parameter, micro)


def _seconds_per_step(config: TrainConfig, shape: Shape, b: int, t: int) -> float:
    """The fastest of a few label steps of a random model, after one to warm up."""
    machine = choose_machine(config)
    with torch.random.fork_rng():
        model = BertForSequenceClassification(
            BertConfig(
                vocab_size=shape.vocabulary,
                hidden_size=shape.hidden,
                num_hidden_layers=shape.layers,
                num_attention_heads=max(1, shape.hidden // 32),
                intermediate_size=shape.intermediate,
                max_position_embeddings=shape.positions,
                attn_implementation="eager",
            )
        ).to(machine.device)
        settings = config.model_copy(update={"batch_size": b, "micro_batch": b})
        steps = LabelSteps(settings, model, Finetune(), machine, lambda _: None)
        ids = np.random.default_rng(0).integers(1, shape.vocabulary, size=b * t).astype(np.int32)  # [b·t]
        data = Encoded(ids, None, np.arange(0, b * t + 1, t), np.zeros(b, dtype=np.int64), pad=0)
        rows = np.arange(b)
        taken = []
        for _ in range(_REPEATS + 1):
            start = perf_counter()
            float(steps.step(data, rows, 1e-5).loss.item())
            taken.append(perf_counter() - start)
    return min(taken[1:])
