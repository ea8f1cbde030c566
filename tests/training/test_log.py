"""When a run tells of its label steps: the first at once, later ones seldom, none never."""

from itertools import pairwise

import pytest
import torch

from core.training import log
from core.training.config import TrainConfig
from core.training.schedule import Schedule
from core.training.state import Position
from core.training.steps import StepResult
from tests.training.examples import Memory


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(log, "monotonic", clock)
    return clock


def told(clock, *, every, total, before=None):
    """The time of each report of a run whose label steps take so many seconds, and the recorder."""
    recorder, before = Memory(), before or Position()
    config = TrainConfig(encoder="tiny", label_steps=total, batch_size=8)
    lines = log.RunLog(recorder, Schedule(config, 48, 1e-3), before)
    began, times = clock.now, []
    for step in range(before.step + 1, total + 1):
        clock.now += every
        result = StepResult(torch.tensor(0.5), torch.tensor(6), torch.tensor(1.0), 8)
        heard = len(recorder.said)
        lines.add(step, result)
        times += [clock.now - began] * (len(recorder.said) - heard)
    assert sorted(row.step for row in recorder.rows if row.name == "label_loss") == list(
        range(before.step + 1, total + 1)
    )
    return times, recorder


def test_the_first_step_is_told_at_once_and_in_the_long_run_one_report_serves_two_seconds(clock):
    times, recorder = told(clock, every=0.05, total=2000)
    assert times[0] == pytest.approx(0.05)
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert max(gaps) <= log.FLUSH_SECONDS + 0.1
    assert len(times) <= 100 / log.FLUSH_SECONDS + 8
    assert recorder.said[0][:2] == (1, 2000)
    assert recorder.said[-1][0] == 2000


def test_a_resumed_run_tells_its_first_step_at_once_too(clock):
    times, recorder = told(clock, every=0.3, total=40, before=Position(step=30, finished=True, seconds=500.0))
    assert times[0] == pytest.approx(0.3)
    assert recorder.said[0][:2] == (31, 40)


def test_slow_steps_are_told_one_by_one(clock):
    times, _ = told(clock, every=3.0, total=5)
    assert times == pytest.approx([3.0, 6.0, 9.0, 12.0, 15.0])
