"""Every figure of the accuracy report, counted example by example."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from scipy.stats.contingency import crosstab

from core.statistics.accuracy import accuracy_report, aligned_labels, expected_calibration_error
from core.statistics.association import cochran_mantel_haenszel
from core.statistics.errors import StatisticsError
from core.statistics.intervals import wilson

ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("abc")), min_size=1, max_size=60
)


@settings(deadline=None)
@given(ROWS)
def test_the_report_counts_what_a_loop_counts(rows):
    label, confound, predicted = map(list, zip(*rows, strict=True))
    found = accuracy_report(label, confound, predicted, aligned={"x": "a", "y": "b"})
    right = [y == p for y, _, p in rows]
    assert found["accuracy"] == pytest.approx(sum(right) / len(rows))
    recalls = [np.mean([r for r, y in zip(right, label, strict=True) if y == one]) for one in set(label)]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    cells = {}
    for (y, c, _), r in zip(rows, right, strict=True):
        cells.setdefault((y, c), []).append(r)
    assert {(cell["label"], cell["confound"]) for cell in found["cells"]} == set(cells)
    for cell in found["cells"]:
        mine = cells[cell["label"], cell["confound"]]
        assert (cell["n"], cell["accuracy"]) == (len(mine), pytest.approx(np.mean(mine)))
        assert (cell["lo"], cell["hi"]) == wilson(sum(mine), len(mine))
    assert found["worst_cell"] == min(np.mean(mine) for mine in cells.values())
    floor = sum(max(sum(y == one and c == value for y, c, _ in rows) for one in "ab") for value in "xyz")
    assert found["confound_only_floor"] == pytest.approx(floor / len(rows))
    with_it = [r for (y, c, _), r in zip(rows, right, strict=True) if {"x": "a", "y": "b"}.get(c) == y]
    against = [r for (y, c, _), r in zip(rows, right, strict=True) if {"x": "b", "y": "a"}.get(c) == y]
    if with_it and against:
        assert found["gap"] == pytest.approx(np.mean(with_it) - np.mean(against))
        assert found["gap_lo"] <= found["gap"] <= found["gap_hi"]
    else:
        assert found["gap"] is None
    json.dumps(found, allow_nan=False)


def test_alignment_follows_the_training_association_and_a_balanced_split_has_none():
    label, confound = ["a"] * 10 + ["b"] * 10, ["x"] * 9 + ["y"] + ["y"] * 8 + ["x"] * 2
    assert aligned_labels(label, confound) == {"x": "a", "y": "b"}
    assert aligned_labels(["a", "a", "b", "b"], ["x", "y", "x", "y"]) == {}
    assert accuracy_report(["a", "a", "b", "b"], ["x", "y", "x", "y"], ["a"] * 4)["gap"] is None


def test_alignment_is_relative_to_how_common_a_label_is():
    """y is mostly with the common label a, yet it is b that it goes with."""
    label, confound = ["a"] * 100 + ["b"] * 10, ["y"] * 20 + ["x"] * 80 + ["y"] * 8 + ["x"] * 2
    assert aligned_labels(label, confound) == {"x": "a", "y": "b"}


def test_calibration_error_by_bins():
    confidence, right = np.array([0.95, 0.95, 0.55, 0.52, 1.0, 0.2, 0.21]), np.array([1, 0, 1, 0, 1, 0, 1], bool)
    total = 0.0
    for k in range(15):
        here = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if here.any():
            total += here.mean() * abs(right[here].mean() - confidence[here].mean())
    assert expected_calibration_error(confidence, right) == pytest.approx(total, abs=1e-12)


def test_probabilities_are_read_by_the_order_of_the_labels():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    found = accuracy_report(["a", "a"], ["x", "y"], ["a", "b"], probabilities, ["a", "b"])
    assert found["ece"] == pytest.approx(0.5 * 0.1 + 0.5 * 0.8)
    assert [cell["ece"] for cell in found["cells"]] == pytest.approx([0.1, 0.8])


@pytest.mark.parametrize(
    ("probabilities", "labels", "sentence"),
    [
        (np.ones((2, 2)), None, "need `labels`"),
        (np.ones((3, 2)), ["a", "b"], r"shape \[3, 2\]; 2 examples and 2 labels need \[2, 2\]"),
        (np.array([[0.5, 0.5], [np.nan, 0.5]]), ["a", "b"], "probability of a in row 1 is nan"),
        (np.ones((2, 2)), ["a", "c"], "b was predicted, but it is not among the labels a, c"),
    ],
)
def test_probabilities_that_are_none_are_refused(probabilities, labels, sentence):
    with pytest.raises(StatisticsError, match=sentence):
        accuracy_report(["a", "a"], ["x", "y"], ["a", "b"], probabilities, labels)


def test_columns_must_fit():
    with pytest.raises(StatisticsError, match="label has 2, confound has 1"):
        accuracy_report(["a", "b"], ["x"], ["a", "b"])
    with pytest.raises(StatisticsError, match="predicted is missing in row 1"):
        accuracy_report(["a", "b"], ["x", "y"], ["a", float("nan")])
    with pytest.raises(StatisticsError, match="no examples"):
        accuracy_report([], [], [])


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(1, 30)] * 4), min_size=1, max_size=4))
def test_cmh_of_two_by_two_tables_is_mantels_formula(tables):
    """(Σ a − Σ (a+b)(a+c)/n)² / Σ (a+b)(c+d)(a+c)(b+d) / (n² (n−1)), and the odds ratio Σ ad/n / Σ bc/n."""
    columns = [], [], []
    top = variance = above = below = 0.0
    for stratum, (a, b, c, d) in enumerate(tables):
        for count, pair in zip((a, b, c, d), ("00", "01", "10", "11"), strict=True):
            for column, value in zip(columns, (*pair, str(stratum)), strict=True):
                column.extend([value] * count)
        n = a + b + c + d
        top += a - (a + b) * (a + c) / n
        variance += (a + b) * (c + d) * (a + c) * (b + d) / (n**2 * (n - 1))
        above, below = above + a * d / n, below + b * c / n
    found = cochran_mantel_haenszel(*map(np.array, columns))
    assert found["df"] == 1
    assert found["statistic"] == pytest.approx(top**2 / variance, rel=1e-9, abs=1e-12)
    assert found["odds_ratio"] == pytest.approx(above / below)


def test_cmh_with_many_values_and_one_stratum_is_pearsons_statistic_times_n_minus_1_over_n():
    rng = np.random.default_rng(0)
    first, second = rng.integers(3, size=200).astype(str), rng.integers(4, size=200).astype(str)
    found = cochran_mantel_haenszel(first, second, np.array(["one"] * 200))
    pearson = chi2_contingency(crosstab(first, second).count, correction=False)
    assert found["df"] == pearson.dof == 6
    assert found["statistic"] == pytest.approx(pearson.statistic * 199 / 200)


def test_cmh_is_undefined_when_nothing_varies():
    same, other = np.array(["p"] * 4), np.array(["x", "y"] * 2)
    assert cochran_mantel_haenszel(same, other, other) is None
    assert cochran_mantel_haenszel(other, other, other) is None
