"""Tests of two groups against their formulas and against scipy."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.statistics.errors import StatisticsError
from core.statistics.tests import holm, mcnemar, t_test


def test_welch_from_the_definition():
    a, b = np.array([76.0, 78.5, 77.1]), np.array([85.0, 84.2, 86.9, 80.1])
    found = t_test(a, b)
    u, v = a.var(ddof=1) / 3, b.var(ddof=1) / 4
    df = (u + v) ** 2 / (u**2 / 2 + v**2 / 3)
    t = (a.mean() - b.mean()) / (u + v) ** 0.5
    assert (found.statistic, found.df) == pytest.approx((t, df))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), df))
    reach = stats.t.ppf(0.975, df) * (u + v) ** 0.5
    assert (found.lo, found.hi) == pytest.approx((found.difference - reach, found.difference + reach))
    assert found.name == "Welch's t-test"


def test_student_pools_the_variance():
    a, b = np.array([1.0, 2.0, 4.0]), np.array([3.0, 6.0, 7.0, 9.0])
    found = t_test(a, b, "student")
    pooled = (2 * a.var(ddof=1) + 3 * b.var(ddof=1)) / 5
    assert found.statistic == pytest.approx((a.mean() - b.mean()) / (pooled * (1 / 3 + 1 / 4)) ** 0.5)
    assert found.df == 5


@pytest.mark.parametrize(("a", "b"), [([1.0], [2.0, 3.0]), ([1.0, 1.0], [2.0, 2.0])])
def test_without_spread_or_replicates_only_the_difference_is_known(a, b):
    found = t_test(np.array(a), np.array(b))
    assert found.difference == np.mean(a) - np.mean(b)
    assert found.p_value is None
    assert found.lo is None


def predictions(both, only_a, only_b, neither):
    a = ["r"] * (both + only_a) + ["w"] * (only_b + neither)
    b = ["r"] * both + ["w"] * only_a + ["r"] * only_b + ["w"] * neither
    return ["r"] * len(a), a, b


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 12))
def test_mcnemar_is_exact_for_few(only_a, only_b):
    found = mcnemar(*predictions(3, only_a, only_b, 2))
    n, k = only_a + only_b, min(only_a, only_b)
    wanted = min(1.0, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.p_value == pytest.approx(wanted)
    assert found.statistic is None


def test_mcnemar_for_many():
    found = mcnemar(*predictions(100, 40, 20, 9))
    assert found.statistic == pytest.approx((40 - 20 - 1) ** 2 / 60)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 1))
    assert mcnemar(*predictions(0, 20, 20, 0)).p_value == 1.0
    with pytest.raises(StatisticsError, match="equally long"):
        mcnemar(["a"], ["a"], ["a", "b"])


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=8))
def test_holm_from_the_definition(p_values):
    found = holm(p_values)
    known = [p for p in p_values if p is not None]
    for p, adjusted in zip(p_values, found, strict=True):
        if p is None:
            assert adjusted is None
            continue
        ordered = sorted(known)
        wanted = max(min(1, (len(known) - i) * ordered[i]) for i in range(len(known)) if ordered[i] <= p)
        smaller = [i for i in range(len(known)) if ordered[i] < p] + [ordered.index(p)]
        assert adjusted <= wanted
        assert adjusted >= max(min(1, (len(known) - i) * ordered[i]) for i in smaller) - 1e-15


def test_holm_of_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
