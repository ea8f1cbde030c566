"""What a page draws is what a loop over training rows would count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.statistics.errors import StatisticsError
from core.statistics.histograms import ecdf_points, probe_histogram
from tests.statistics.sets import case


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 60), st.booleans())
def test_bins_hold_the_rows_they_say(seed, bins, held_out):
    one = case(n=80, probes=4, seed=seed)
    y, c, row = one.label[one.row[0]], one.confound[one.row[0]], -1 if held_out else int(one.row[0])
    scores = one.scores[:, 0].round(1)
    found = probe_histogram(scores, one.label, one.confound, y, c, row, bins=bins)
    low, high = found.edges[:-1], found.edges[1:]
    for number in range(bins):
        a, b = found.rows(number)
        assert (found.a.counts[number], found.b.counts[number]) == (len(a), len(b))
        for i in (*a, *b):
            assert low[number] <= scores[i] <= high[number]
            assert scores[i] < high[number] or number == bins - 1
            assert one.label[i] == y
            assert i != row
        assert (one.confound[a] == c).all()
        assert (one.confound[b] != c).all()
    same = one.label == y
    assert found.a.n == (same & (one.confound == c)).sum() - (not held_out)
    assert found.b.n == (same & (one.confound != c)).sum()
    widths = np.diff(found.edges)
    for group in (found.a, found.b):
        assert sum(group.counts) == group.n
        assert (np.array(group.density) * widths).sum() == pytest.approx(1 if group.n else 0)
    members = same & (one.confound != c)
    if members.any():
        assert found.b.mean == pytest.approx(scores[members].mean())


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=500).map(np.array), st.integers(2, 40))
def test_ecdf_points_lie_on_the_curve_and_reach_both_ends(values, points):
    x, y = ecdf_points(values, points)
    assert len(x) <= points
    assert (x[0], x[-1], y[-1]) == (values.min(), values.max(), 1.0)
    for at, share in zip(x, y, strict=True):
        assert share == pytest.approx((values <= at).mean())


def test_equal_scores_still_have_a_histogram():
    found = probe_histogram(np.full(4, 0.5), ["a"] * 4, ["x", "x", "y", "y"], "a", "x", 0, bins=5)
    assert (sum(found.a.counts), sum(found.b.counts)) == (1, 2)


def test_a_group_may_be_empty_but_not_both():
    found = probe_histogram(np.arange(3.0), ["a", "a", "b"], ["x", "x", "y"], "a", "x", 0, bins=2)
    assert (found.b.n, found.b.mean, found.b.counts, found.b.ecdf_x) == (0, None, [0, 0], [])
    with pytest.raises(StatisticsError, match="nothing to draw"):
        probe_histogram(np.arange(3.0), ["a", "a", "b"], ["x", "x", "y"], "b", "y", 2)
    with pytest.raises(StatisticsError, match="0 bins"):
        probe_histogram(np.arange(3.0), ["a", "a", "b"], ["x", "x", "y"], "a", "x", 0, bins=0)
