"""Methods over seeds, against the formulas and against scipy."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.statistics.compare import differences, spread
from core.statistics.effects import hedges_g
from core.statistics.errors import StatisticsError

PAPER = {  # five seeds each, made up around the means of the paper's Table 2
    "ft": [0.7600, 0.7480, 0.7712, 0.7520, 0.7688],
    "adv": [0.7844, 0.7640, 0.8020, 0.7750, 0.7966],
    "it": [0.8048, 0.7820, 0.8300, 0.7900, 0.8172],
}


def test_mean_and_sample_sd():
    assert spread([0.7, 0.8, 0.9]).mean == pytest.approx(0.8)
    assert spread([0.7, 0.8, 0.9]).sd == pytest.approx(0.1)  # √(0.02 / 2)
    assert (spread([0.7]).mean, spread([0.7]).sd, spread([0.7]).n) == (0.7, None, 1)
    assert (spread([]).mean, spread([]).sd, spread([]).n) == (None, None, 0)


def test_every_pair_once_and_those_against_the_baseline_first():
    found = differences("accuracy", PAPER, "adv")
    assert [(one.a, one.b) for one in found] == [("ft", "adv"), ("it", "adv"), ("it", "ft")]
    with pytest.raises(StatisticsError, match="nope"):
        differences("accuracy", PAPER, "nope")


@pytest.mark.parametrize(("kind", "equal"), [("welch", False), ("student", True)])
def test_each_test_is_scipys(kind, equal):
    for one in differences("accuracy", PAPER, "ft", kind):
        a, b = np.array(PAPER[one.a]), np.array(PAPER[one.b])
        wanted = stats.ttest_ind(a, b, equal_var=equal)
        assert (one.statistic, one.df, one.p_value) == pytest.approx((wanted.statistic, wanted.df, wanted.pvalue))
        assert (one.lo, one.hi) == pytest.approx(tuple(wanted.confidence_interval(0.95)))
        assert one.difference == pytest.approx(a.mean() - b.mean())
        assert one.hedges_g == pytest.approx(hedges_g(a, b))
        assert one.hedges_g_lo < one.hedges_g < one.hedges_g_hi
        assert one.test.lower().startswith(kind)


def test_holm_has_one_family_against_the_baseline_and_one_of_all_pairs():
    found = differences("accuracy", PAPER, "ft")
    p = {(one.a, one.b): one.p_value for one in found}
    against = sorted(value for (_, b), value in p.items() if b == "ft")
    for one in found:
        if one.b == "ft":
            wanted = min(1, 2 * against[0]) if one.p_value == against[0] else max(min(1, 2 * against[0]), against[1])
            assert one.p_holm_baseline == pytest.approx(wanted)
        else:
            assert one.p_holm_baseline is None
    smallest = min(p, key=p.get)
    assert next(one.p_holm_pairs for one in found if (one.a, one.b) == smallest) == pytest.approx(3 * p[smallest])
    assert max(one.p_holm_pairs for one in found) >= max(p.values())


def test_seeds_are_not_paired():
    """The order of the seeds tells nothing."""
    turned = {**PAPER, "it": PAPER["it"][::-1]}
    assert differences("accuracy", turned, "ft")[1].p_value == pytest.approx(
        differences("accuracy", PAPER, "ft")[1].p_value
    )


@pytest.mark.parametrize(
    ("of_it", "of_ft", "why"),
    [
        ([0.8], [0.7, 0.75], "it has one seed only"),
        ([0.8], [0.7], "it and ft have one seed only"),
        ([0.8, 0.8], [0.7, 0.7], "differ"),
        ([], [0.7, 0.75], "it has no"),
    ],
)
def test_what_is_undefined_is_none_and_says_why(of_it, of_ft, why):
    (found,) = differences("accuracy", {"ft": of_ft, "it": of_it}, "ft")
    assert why in found.undefined
    assert why in found.sentence
    assert (found.p_value, found.p_holm_baseline, found.p_holm_pairs, found.lo) == (None, None, None, None)
    json.dumps(asdict(found), allow_nan=False)


def test_an_undefined_test_is_no_part_of_the_family():
    found = differences("accuracy", {**PAPER, "one": [0.9]}, "ft")
    without = differences("accuracy", PAPER, "ft")
    adjusted = {(one.a, one.b): one.p_holm_pairs for one in found}
    assert all(adjusted[one.a, one.b] == one.p_holm_pairs for one in without)


def test_the_sentence_says_it_in_points_and_cid_in_its_own_unit():
    sentence = differences("accuracy", PAPER, "ft")[1].sentence
    for part in ("it is 4.5 points above ft in accuracy", "Welch t(", "p ", "against the baseline", "Hedges' g = "):
        assert part in sentence
    (cid,) = differences("cid", {"ft": [0.093, 0.1, 0.09], "it": [0.035, 0.03, 0.04]}, "ft")
    assert "it is 0.059 below ft in CID" in cid.sentence
    assert "−0." in cid.sentence


numbers = st.lists(st.sampled_from([0.0, 0.25, 0.3, 0.5, 1.0, 1.0 + 1e-15]), max_size=4)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), numbers, min_size=1))
@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
def test_nothing_makes_it_crash_or_puts_nan_into_json(values):
    for one in differences("worst_cell", values, next(iter(values))):
        json.dumps(asdict(one), allow_nan=False)
        assert (one.undefined is None) == (one.p_value is not None)
