"""The linear probe finds what is there, and the shuffled control what is not."""

import json

import numpy as np
import pytest

from core.statistics.errors import StatisticsError
from core.statistics.leakage import SHRINKAGE, _discriminant, leakage


def columns(n, rng):
    label = np.array(["long", "short"])[rng.integers(2, size=n)]
    confound = np.where(
        rng.random(n) < 0.9, np.where(label == "long", "pos", "neg"), np.array(["pos", "neg"])[rng.integers(2, size=n)]
    )
    return label, confound


def test_embeddings_that_know_only_the_label_do_not_leak():
    """Label and confound go together nine times in ten, and yet nothing is left once the label is known."""
    rng = np.random.default_rng(0)
    label, confound = columns(800, rng)
    embeddings = rng.normal(size=(800, 20)) + 3 * (label == "long")[:, None]
    found = leakage(embeddings, label, confound, seed=1)
    assert found.chance == 0.5
    assert found.balanced_accuracy == pytest.approx(0.5, abs=0.1)
    assert found.shuffled_mean == pytest.approx(0.5, abs=0.04)
    assert found.p_value > 0.05


def test_embeddings_that_hold_the_confound_leak():
    rng = np.random.default_rng(0)
    label, confound = columns(800, rng)
    embeddings = rng.normal(size=(800, 20))
    embeddings[:, 3] += 4 * (confound == "pos")
    found = leakage(embeddings, label, confound, seed=1)
    assert found.balanced_accuracy > 0.9
    assert found.shuffled_max < 0.65
    assert found.p_value == pytest.approx(1 / 21)
    assert [one.label for one in found.labels] == ["long", "short"]
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_classifier_is_discriminant_analysis_by_class_loops():
    rng = np.random.default_rng(2)
    z, new = rng.normal(size=(60, 4)), rng.normal(size=(30, 4))
    code = np.repeat([0, 1, 2], [40, 12, 8])
    z += code[:, None] * np.array([1.0, 0, 0.5, 0])
    z -= z.mean(0)
    within = np.zeros((4, 4))
    for k in range(3):
        part = z[code == k]
        within += (part - part.mean(0)).T @ (part - part.mean(0))
    inverse = np.linalg.inv((1 - SHRINKAGE) * within / 57 + SHRINKAGE * np.eye(4))
    wanted = []
    for x in new:
        distance = [(x - z[code == k].mean(0)) @ inverse @ (x - z[code == k].mean(0)) for k in range(3)]
        wanted.append(int(np.argmin(distance)))
    assert _discriminant(z, code, z.T @ z, new).tolist() == wanted


def test_constant_and_more_dimensions_than_examples_are_no_trouble():
    rng = np.random.default_rng(3)
    label, confound = np.array(["a"] * 40), np.array(["x", "y"] * 20)
    embeddings = np.concatenate([np.full((40, 5), 7.0), rng.normal(size=(40, 100))], 1)
    assert 0 <= leakage(embeddings, label, confound, seed=0).balanced_accuracy <= 1
    assert leakage(np.full((40, 3), 0.1), label, confound, seed=0).balanced_accuracy == 0.5


def test_rare_values_are_left_out_and_said():
    rng = np.random.default_rng(4)
    label = np.array(["a"] * 30 + ["b"] * 30)
    confound = np.array(["x", "y"] * 13 + ["z"] * 4 + ["x"] * 30)
    found = leakage(rng.normal(size=(60, 3)), label, confound, seed=0)
    assert found.labels[0].confounds == ("x", "y")
    assert found.notes == (
        "a × z has only 4 examples, fewer than the 5 folds; leakage leaves it out.",
        "Leakage leaves out the label b: too few confound values to tell apart.",
    )


@pytest.mark.parametrize(
    ("embeddings", "confound", "options", "sentence"),
    [
        (np.zeros((3, 2)), ["x", "y"] * 5, {}, r"shape \[10, dimensions\], not \[3, 2\]"),
        (np.full((10, 2), np.inf), ["x", "y"] * 5, {}, "embedding of example 0 is inf in dimension 0"),
        (np.zeros((10, 2)), ["x"] * 10, {}, "No label has two confound values with at least 5 examples"),
        (np.zeros((10, 2)), ["x", "y"] * 5, {"folds": 1}, "folds = 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(embeddings, confound, options, sentence):
    with pytest.raises(StatisticsError, match=sentence):
        leakage(embeddings, ["a"] * 10, confound, seed=0, **options)


def test_the_same_seed_gives_the_same_figures():
    rng = np.random.default_rng(5)
    label, confound = columns(200, rng)
    embeddings = rng.normal(size=(200, 6))
    assert leakage(embeddings, label, confound, seed=1) == leakage(embeddings, label, confound, seed=1)
