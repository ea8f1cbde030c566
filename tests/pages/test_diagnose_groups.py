"""Bins hold every score of both groups, once; the groups are those of the definition; extremes are the extremes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.views.probe_groups import MOST_BINS, Groups, bin_of, extreme, groups, histogram, in_bins, round_width
from pages.diagnose.link import format_bins, parse_bins

TRAIN = pd.DataFrame({"label": list("aaaabb"), "confound": list("xxyyxy")})
SCORES = np.array([0.9, 0.1, -0.2, 0.3, 0.8, -0.7], dtype=np.float32)


def random_groups(n: int, seed: int, scale: float = 1.0) -> Groups:
    rng = np.random.default_rng(seed)
    same = rng.random(n) < 0.5
    return Groups(np.tanh(rng.normal(0.1, 1, n)) * scale, same, ~same & (rng.random(n) < 0.7), -1)


def test_a_shares_label_and_confound_without_the_probe_itself() -> None:
    found = groups(SCORES, 0, TRAIN, "a", "x")
    assert np.flatnonzero(found.same).tolist() == [1]
    assert np.flatnonzero(found.different).tolist() == [2, 3]
    assert np.flatnonzero(found.other_label).tolist() == [4, 5]


def test_a_held_out_probe_leaves_nobody_out() -> None:
    found = groups(SCORES, -1, TRAIN, "a", "x")
    assert np.flatnonzero(found.same).tolist() == [0, 1]


@given(st.integers(2, 300), st.integers(0, 50), st.sampled_from([1e-5, 0.02, 1.0]))
def test_every_score_is_in_exactly_one_bin(n: int, seed: int, scale: float) -> None:
    found = random_groups(n, seed, scale)
    binned = histogram(found)
    assert binned.same.sum() == found.same.sum()
    assert binned.different.sum() == found.different.sum()
    assert 1 <= len(binned.edges) - 1 <= MOST_BINS
    for place in binned.filled:
        rows = in_bins(found, binned.edges, place, place)
        assert len(rows) == binned.same[place] + binned.different[place]
        assert (found.scores[rows] >= binned.edges[place] - 1e-9).all()
        assert (found.scores[rows] <= binned.edges[place + 1] + 1e-9).all()


def test_zero_is_an_edge_so_that_no_bin_mixes_for_and_against() -> None:
    binned = histogram(random_groups(200, 3))
    assert np.abs(binned.edges).min() == pytest.approx(0, abs=1e-12)


def test_equal_scores_and_empty_groups_still_give_a_figure() -> None:
    same = np.array([True, True])
    binned = histogram(Groups(np.array([0.25, 0.25]), same, ~same, -1))
    assert binned.same.sum() == 2
    assert binned.different.sum() == 0
    empty = histogram(Groups(np.array([0.25, 0.25]), ~same, ~same, -1))
    assert empty.filled == []


def test_widths_are_round() -> None:
    assert round_width(1.0, 34) == pytest.approx(0.05)
    assert round_width(0.6, 34) == pytest.approx(0.02)
    assert round_width(0.0, 34) > 0


def test_an_edge_belongs_to_the_bin_above_and_the_top_to_the_last() -> None:
    edges = np.array([0.0, 0.1, 0.2])
    assert bin_of(np.array([0.0, 0.1, 0.2, -0.01]), edges).tolist() == [0, 1, 1, 0]


def test_a_range_of_bins_is_listed_highest_first() -> None:
    found = random_groups(300, 7)
    binned = histogram(found)
    rows = in_bins(found, binned.edges, 2, 9)
    assert len(rows) == (binned.same + binned.different)[2:10].sum()
    assert (np.diff(found.scores[rows]) <= 0).all()


@pytest.mark.parametrize("highest", [True, False])
def test_extremes_are_what_sorting_everything_gives(highest: bool) -> None:
    found = random_groups(300, 11)
    among = found.same | found.different
    expected = sorted(np.flatnonzero(among), key=lambda row: found.scores[row], reverse=highest)[:10]
    assert extreme(found, among, 10, highest=highest).tolist() == expected


@pytest.mark.parametrize(
    ("text", "bins"),
    [("3", (3, 3)), ("3-5", (3, 5)), ("5-3", None), ("-1", None), ("x", None), (None, None), ("", None)],
)
def test_bins_in_an_address(text: str | None, bins: tuple[int, int] | None) -> None:
    assert parse_bins(text) == bins
    if bins is not None:
        assert format_bins(bins) == text
