"""Learning rate, checkpoints and data order as functions of the step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.training.config import TrainConfig
from core.training.schedule import Schedule


def schedule(n=100, peak=1.0, **settings):
    return Schedule(TrainConfig(**settings), n=n, peak=peak)


def test_the_rate_rises_to_the_peak_and_falls_without_reaching_zero():
    plan = schedule(n=100, batch_size=10, label_epochs=2, warmup=0.1)
    rates = [plan.lr(step) for step in range(1, plan.total + 1)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[-1] == pytest.approx(1 / 18)
    assert np.allclose(np.diff(rates[2:]), -1 / 18)


def test_without_warm_up_the_first_step_has_the_peak():
    assert schedule(warmup=0.0, peak=3.0).lr(1) == 3.0


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 5), st.integers(1, 20))
def test_every_epoch_uses_every_example_once_and_the_last_step_is_kept(n, batch, epochs, kept):
    plan = schedule(n=n, batch_size=batch, label_epochs=epochs, checkpoints=kept)
    for epoch in range(epochs):
        steps = range(epoch * plan.steps_per_epoch + 1, (epoch + 1) * plan.steps_per_epoch + 1)
        assert sorted(np.concatenate([plan.rows(step) for step in steps]).tolist()) == list(range(n))
        assert all(plan.epoch(step) == epoch for step in steps)
    places = plan.checkpoint_steps
    assert places[-1] == plan.total
    assert len(places) == len(set(places)) == min(kept, plan.total)
    assert max(np.diff([0, *places])) - min(np.diff([0, *places])) <= 1
    assert min(places) >= 1


@given(st.integers(1, 300), st.floats(0, 0.9))
def test_the_rate_is_always_positive_and_never_above_the_peak(n, warmup):
    plan = schedule(n=n, batch_size=7, label_epochs=1, warmup=warmup, peak=2.0)
    assert all(0 < plan.lr(step) <= 2.0 for step in range(1, plan.total + 1))
