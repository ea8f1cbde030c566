"""The prediction counts work as it is done, and the machine's speed is recovered from its times."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from core.encoders.catalogue import Shape, resolve
from core.encoders.loading import load_classifier
from core.training import calibration
from core.training.calibration import measure_speed
from core.training.config import TrainConfig
from core.training.estimate import Speed, estimate, forward_work, step_work, token_lengths

SHAPE = Shape(layers=2, hidden=64, intermediate=256, vocabulary=1000, positions=64)
SPEED = Speed("made up", flop=1e-11, element=1e-9, call=1e-4, parameter=1e-9, micro_batch=16)


def test_operations_agree_with_torchs_own_count():
    model, _ = load_classifier("tiny", labels=["a", "b"], seed=0)
    batch = {"input_ids": torch.ones(4, 16, dtype=torch.long), "attention_mask": torch.ones(4, 16, dtype=torch.long)}
    with FlopCounterMode(display=False) as counter:
        model(**batch).logits.sum().backward()
    counted = step_work(resolve("tiny").shape, np.full(4, 16), 4).flops
    assert counted == pytest.approx(counter.get_total_flops(), rel=0.05)


def test_scoring_is_a_third_of_a_step_without_its_update():
    lengths = np.full(64, 20)
    step, forward = step_work(SHAPE, lengths, 64), forward_work(SHAPE, lengths)
    assert forward.flops == pytest.approx(step.flops / 3)
    assert forward.parameters == pytest.approx(0)


def test_sorted_micro_batches_cost_less_than_one_padded_batch():
    lengths = np.array([5] * 32 + [50] * 32)
    assert step_work(SHAPE, lengths, 16).flops < 0.6 * step_work(SHAPE, lengths, 64).flops


def test_a_prediction_grows_with_epochs_and_names_steps():
    lengths = {"train": np.full(100, 20), "dev": np.full(50, 20)}
    short = estimate(TrainConfig(label_epochs=2, batch_size=10), SHAPE, lengths, SPEED)
    long = estimate(TrainConfig(label_epochs=20, batch_size=10), SHAPE, lengths, SPEED)
    assert (short.steps, long.steps) == (20, 200)
    assert short.low < short.seconds < short.high
    assert short.seconds < long.seconds
    assert short.memory_bytes == long.memory_bytes > 16 * SHAPE.parameters


def test_speed_keeps_as_json():
    assert Speed.from_dict(SPEED.to_dict()) == SPEED


def test_the_fit_recovers_a_machine_that_follows_the_model(monkeypatch):
    def seconds(config, shape, b, t):
        return SPEED.seconds(step_work(shape, np.full(b, t), b))

    monkeypatch.setattr(calibration, "_seconds_per_step", seconds)
    found = measure_speed(TrainConfig())
    for cost in ("flop", "element", "call", "parameter"):
        assert getattr(found, cost) == pytest.approx(getattr(SPEED, cost), rel=1e-4)


def test_a_measured_machine_has_a_speed():
    found = measure_speed(TrainConfig(device="cpu"))
    assert found.flop + found.element > 0
    assert found.seconds(step_work(SHAPE, np.full(8, 8), 8)) > 0


def test_token_counts_are_near_the_tokenizers_and_are_cut():
    texts = ["The committee met in the new town hall on Tuesday, and nobody objected.", "Short one."] * 5
    _, tokenizer = load_classifier("minilm", labels=["a", "b"], seed=0)
    real = [len(tokenizer(text).input_ids) for text in texts]
    assert token_lengths(texts, 64).mean() == pytest.approx(np.mean(real), rel=0.2)
    assert token_lengths(["word " * 500], 64).tolist() == [64]
