"""Intervals over seeds and examples: right variance, right coverage."""

import numpy as np
import pytest

from core.statistics.errors import StatisticsError
from core.statistics.seeds import (
    bootstrap_accuracy,
    bootstrap_difference,
    estimate_accuracy,
    estimate_difference,
    redraw_examples,
)


def test_the_variance_is_that_of_a_two_way_mean():
    """Answers that depend on the example only: SD = s/√n, with seeds adding nothing; and the other way round."""
    by_example = np.tile(np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1]), (4, 1))
    found = bootstrap_accuracy(by_example, seed=0, draws=40_000)
    assert found.value == pytest.approx(0.7)
    assert found.sd == pytest.approx(by_example[0].std(ddof=1) / 10**0.5, rel=0.02)
    by_seed = np.repeat([[1], [0], [1], [1]], 10, axis=1)
    found = bootstrap_accuracy(by_seed, seed=0, draws=40_000)
    assert found.sd == pytest.approx(by_seed[:, 0].std(ddof=1) / 2, rel=0.02)
    assert found.df == pytest.approx(3, rel=0.1)


def test_cells_are_resampled_within():
    """All variation is between cells, whose sizes are fixed by design: none is left."""
    correct = np.tile([1, 1, 1, 0, 0], (3, 1))
    found = bootstrap_accuracy(correct, seed=0, cells=["a", "a", "a", "b", "b"], draws=200)
    assert (found.value, found.sd) == pytest.approx((0.6, 0.0))


def test_a_difference_shares_its_examples():
    """Both methods fail on the same examples: the difference is certain although each accuracy is not."""
    correct = np.tile(np.random.default_rng(0).integers(2, size=50), (3, 1))
    assert bootstrap_difference(correct, correct[:2], seed=0, draws=200).sd == pytest.approx(0, abs=1e-12)
    assert bootstrap_accuracy(correct, seed=0, draws=200).sd > 0.05


def test_the_interval_covers_the_truth(capsys):
    """P(right) varies by seed and by example; three seeds, 200 examples."""
    inside, runs = 0, 400
    for number in range(runs):
        rng = np.random.default_rng(number)
        chance = np.clip(0.75 + 0.05 * rng.uniform(-1, 1, (3, 1)) + 0.2 * rng.uniform(-1, 1, 200), 0, 1)
        found = bootstrap_accuracy(rng.random((3, 200)) < chance, seed=number, draws=200)
        inside += found.lo <= 0.75 <= found.hi
    with capsys.disabled():
        print(f"\nseeds × examples: coverage {inside / runs:.3f} of nominal 0.95 in {runs} runs")
    assert 0.92 <= inside / runs <= 0.995


def test_what_is_no_matrix_of_answers_is_refused():
    with pytest.raises(StatisticsError, match=r"shape \[seeds, examples\]"):
        bootstrap_accuracy(np.array([0.5, 1.0]), seed=0)
    with pytest.raises(StatisticsError, match="same test examples: 4 and 5"):
        bootstrap_difference(np.ones((2, 4)), np.ones((2, 5)), seed=0)


def test_one_drawing_of_examples_serves_many_methods():
    """Methods that were redrawn together differ by nothing but their seeds where they answer alike."""
    rng = np.random.default_rng(3)
    alike = np.tile(rng.integers(2, size=80), (3, 1))
    first, second, other = redraw_examples([alike, alike[:2], rng.integers(2, size=(4, 80))], seed=1, draws=300)
    assert estimate_difference(first, second, seed=1).sd == pytest.approx(0, abs=1e-12)
    whole = estimate_accuracy(other, seed=1)
    part = estimate_accuracy(other.only([0, 2]), seed=1)
    assert whole.value == pytest.approx(other.as_is.mean())
    assert part.value == pytest.approx(other.as_is[[0, 2]].mean())
    with pytest.raises(StatisticsError, match="same test examples"):
        redraw_examples([alike, alike[:, :40]], seed=1)
