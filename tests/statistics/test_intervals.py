"""An interval of a proportion solves the equation that defines it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.statistics.errors import StatisticsError
from core.statistics.intervals import difference, wilson

Z = 1.959963984540054


@settings(deadline=None)
@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_ends_lie_exactly_z_standard_errors_away(counts):
    k, n = counts
    for p in wilson(k, n):
        assert (k / n - p) ** 2 == pytest.approx(Z**2 * p * (1 - p) / n, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 7), (7, 7), (1, 240), (120, 240), (799, 800)])
def test_wilson_is_scipys(k, n, level):
    theirs = stats.binomtest(k, n).proportion_ci(confidence_level=level, method="wilson")
    assert wilson(k, n, level) == pytest.approx((theirs.low, theirs.high), rel=1e-12)


def test_wilson_without_trials_knows_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_refuses_more_successes_than_trials():
    with pytest.raises(StatisticsError, match="5 successes in 4 trials"):
        wilson(5, 4)


def test_difference_is_newcombes_interval_for_two_proportions():
    """Newcombe 1998, table II, example (a), method 10: 56/70 and 48/80 give 0.0524 to 0.3339."""
    low, high = difference(56 / 70, wilson(56, 70), 48 / 80, wilson(48, 80))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_difference_from_something_known_keeps_the_width():
    assert np.allclose(difference(0.3, (0.2, 0.5), 0.1, (0.1, 0.1)), (0.1, 0.4))
