"""The verdict follows from the size of the excess over the control, never from significance alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.statistics.collapse import has_learned
from core.statistics.errors import StatisticsError
from core.statistics.verdict import verdict

LEARNED = {"train_accuracy": 0.97, "n_train": 1500, "chance": 0.5}


def judge(cid, ci, null=(-0.01, 0.01), p_value=0.001, **options):
    return verdict(cid, ci, null, p_value, **LEARNED | {"confound": "prefix"} | options)


def test_a_confounded_model_in_the_words_of_the_dashboard():
    found = judge(0.15, (0.11, 0.19), control_cid=0.02)
    assert found.code == "confounded"
    assert found.sentence == (
        "Examples that share the prefix pull this model's decisions 0.15 more than those that don't (95 % 0.11–0.19); "
        "the control reaches 0.02. The model is confounded."
    )


def test_without_a_control_the_null_stands_beside():
    found = judge(0.09, (0.07, 0.11), confound="word order")
    assert found.code == "confounded"
    assert "share the word order" in found.sentence
    assert "chance alone gives −0.01 to 0.01." in found.sentence


@pytest.mark.parametrize(
    ("cid", "ci", "options", "code"),
    [
        (0.003, (0.002, 0.004), {"null": (-0.001, 0.001)}, "not_confounded"),  # significant and trivial
        (0.019, (0.010, 0.028), {}, "not_confounded"),  # the paper's control
        (0.035, (0.031, 0.038), {"control_cid": 0.019}, "not_confounded"),  # the paper's cured model
        (0.093, (0.080, 0.110), {"control_cid": 0.019}, "confounded"),  # the paper's finetuned model
        (0.05, (0.02, 0.08), {}, "unclear"),  # on both sides of the line
        (0.30, (0.10, 0.50), {"null": (-0.4, 0.4), "p_value": 0.2}, "unclear"),  # few counterexamples
        (-0.20, (-0.25, -0.15), {"null": (-0.01, 0.01)}, "unclear"),  # the wrong sign
        (0.00, (-0.30, 0.30), {"p_value": 0.9}, "unclear"),  # nothing known
        (0.09, (0.07, 0.11), {"control_cid": 0.08}, "unclear"),  # the control is no better
    ],
)
def test_codes(cid, ci, options, code):
    assert judge(cid, ci, **options).code == code


def test_the_controls_own_uncertainty_counts():
    assert judge(0.09, (0.07, 0.11), control_cid=0.03).code == "confounded"
    assert judge(0.09, (0.07, 0.11), control_cid=0.03, control_ci=(-0.02, 0.08)).code == "unclear"


def test_how_far_a_control_lies_below_0_accuses_nobody():
    """The bundled sample after embedding tuning: its own interval is small, its control's reaches far below 0."""
    assert judge(0.005, (0.000, 0.009), control_cid=-0.014, control_ci=(-0.04, 0.01)).code == "not_confounded"
    assert judge(0.005, (0.000, 0.009), control_cid=0.004, control_ci=(-0.04, 0.01)).code == "not_confounded"
    assert judge(0.03, (0.01, 0.05), control_cid=-0.014, control_ci=(-0.04, 0.01)).code == "unclear"
    assert judge(0.05, (0.03, 0.07), control_cid=-0.014, control_ci=(-0.04, 0.00)).code == "confounded"


def test_a_collapsed_model_gets_no_verdict():
    found = judge(0.0, (-0.001, 0.001), train_accuracy=0.51)
    assert found.code == "withheld"
    assert found.sentence.startswith(
        "This model is right on 51.0 % of its training examples, about what guessing reaches (50.0 %)."
    )


def test_an_undefined_cid_gets_no_verdict():
    found = verdict(None, None, None, None, **LEARNED)
    assert found.code == "undefined"
    assert "Add counterexamples" in found.sentence


def test_numbers_below_zero_read_as_less():
    found = judge(-0.02, (-0.03, -0.01))
    assert "0.02 less than those that don't (95 % 0.01–0.03)" in found.sentence
    assert "−0.00" not in judge(-0.001, (-0.003, 0.002)).sentence


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.0005, 1), st.floats(-0.2, 0.2))
def test_every_input_has_one_verdict_and_confounded_is_never_small(cid, below, above, p_value, control):
    found = judge(cid, (cid - below, cid + above), p_value=p_value, control_cid=control)
    assert found.sentence.endswith(".")
    if found.code == "confounded":
        assert cid - below > max(control, 0) + 0.02 - 1e-12
        assert p_value < 0.05
    if found.code == "not_confounded":
        assert cid + above <= max(control, 0) + 0.02 + 1e-12


@settings(deadline=None)
@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.05, 0.9))
def test_has_learned_is_the_exact_binomial_test(counts, chance):
    k, n = counts
    bound = chance + 0.1 * (1 - chance)
    wanted = stats.binomtest(k, n, bound, alternative="greater").pvalue < 0.01
    assert has_learned(k / n, n, chance) == wanted


def test_has_learned_refuses_what_is_no_share():
    with pytest.raises(StatisticsError, match="between 0 and 1"):
        has_learned(51.0, 10, 0.5)
    with pytest.raises(StatisticsError, match="Without training examples"):
        has_learned(0.5, 0, 0.5)
    assert not has_learned(1.0, 10, 1.0)
