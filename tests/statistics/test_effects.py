"""Effect sizes against loops over pairs and against simulated samples."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.statistics.effects import cliffs_delta, hedges_g, hedges_g_interval

VALUES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=12).map(np.array)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_cliffs_delta_counts_pairs(a, b):
    assert cliffs_delta(a, b) == pytest.approx(np.mean([np.sign(x - y) for x in a for y in b]), abs=1e-12)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_hedges_g_from_the_definition(a, b):
    squares = sum((a - a.mean()) ** 2) + sum((b - b.mean()) ** 2)
    found = hedges_g(a, b)
    if len(a) < 2 or len(b) < 2 or squares == 0:
        assert found is None
        return
    m = len(a) + len(b) - 2
    wanted = (a.mean() - b.mean()) / (squares / m) ** 0.5 * correction(m)
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-12)


@cache
def correction(m):
    """J with E[J d] = δ for normal samples: 1 / E[√(m / χ²_m)], by numerical integration."""
    return 1 / float(stats.chi2(m).expect(lambda x: (m / x) ** 0.5, epsabs=1e-12, limit=400))


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 6), st.integers(2, 60), st.floats(-1e4, 1e4), st.integers(0, 10**6))
def test_interval_of_g_holds_g_and_shrinks_with_the_level(n_a, n_b, shift, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n_a) + shift, rng.normal(size=n_b)
    wide, narrow = hedges_g_interval(a, b), hedges_g_interval(a, b, level=0.5)
    assert wide.lo < narrow.lo < narrow.hi < wide.hi
    assert wide.lo < wide.g < wide.hi


def test_interval_of_g_covers_the_true_effect():
    rng = np.random.default_rng(0)
    inside, runs, truth = 0, 500, 1.2
    for _ in range(runs):
        effect = hedges_g_interval(rng.normal(size=5) + truth, rng.normal(size=5))
        inside += effect.lo / correction(8) <= truth <= effect.hi / correction(8)
    assert 0.92 <= inside / runs <= 0.98


def test_an_extreme_difference_has_an_interval():
    """Two runs a method, 11 standard deviations apart: the noncentral t of scipy is NaN here."""
    effect = hedges_g_interval(np.array([11.0, 12.4]), np.array([0.1, 1.3]))
    assert 0 < effect.lo < effect.g < effect.hi < 40


def test_ends_of_the_interval_put_the_observed_t_into_the_tails():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=5) + 2, rng.normal(size=7)
    effect, scale = hedges_g_interval(a, b), (1 / 5 + 1 / 7) ** 0.5
    t = stats.ttest_ind(a, b).statistic
    factor = correction(10) * scale
    assert stats.nct.cdf(t, 10, effect.lo / factor) == pytest.approx(0.975, abs=1e-6)
    assert stats.nct.cdf(t, 10, effect.hi / factor) == pytest.approx(0.025, abs=1e-6)
