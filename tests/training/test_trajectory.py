"""The CID curve: with all rows sampled its points are the diagnosis's CID."""

import numpy as np
import pytest

from core.encoders.loading import load_classifier
from core.training.batching import encode
from core.training.config import TrainConfig
from core.training.diagnosis import diagnose
from core.training.diagnosis_config import DiagnosisConfig
from core.training.trajectory import Trajectory
from tests.training.examples import examples


@pytest.fixture
def setting():
    frame = examples(48, dev=0)
    model, tokenizer = load_classifier("tiny", labels=["long", "short"], seed=2)
    with np.errstate(all="raise"):
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.mul_(6.0)
    return model, tokenizer, frame, encode(frame, tokenizer, ["long", "short"], max_length=16)


def test_with_all_rows_it_is_the_diagnosis(setting):
    model, tokenizer, frame, data = setting
    config = TrainConfig(encoder="tiny", max_length=16, diagnose_probes=8, diagnose_rows=1000, seed=4)
    found = diagnose(model, tokenizer, frame, DiagnosisConfig(probes=8, seed=4), max_length=16)
    point = Trajectory(config, model, data, frame).cid()
    assert abs(point) > 1e-4
    assert point == pytest.approx(found.report.cid, abs=1e-6)


def test_the_model_is_left_as_it_was(setting):
    model, _, frame, data = setting
    model.train()
    trajectory = Trajectory(TrainConfig(encoder="tiny", diagnose_probes=8, diagnose_rows=4), model, data, frame)
    assert trajectory.cid() == trajectory.cid()
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_without_counterexamples_there_is_no_curve(setting):
    model, _, _, data = setting
    frame = examples(48, dev=0, aligned=1.0)
    trajectory = Trajectory(TrainConfig(encoder="tiny"), model, data, frame)
    assert not trajectory.usable
    assert trajectory.cid() is None


def test_a_diverged_model_leaves_a_gap_instead_of_ending_the_run(setting):
    model, _, frame, data = setting
    model.classifier.weight.data.fill_(float("nan"))
    assert Trajectory(TrainConfig(encoder="tiny", diagnose_rows=4), model, data, frame).cid() is None
