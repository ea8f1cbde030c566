"""Methods over seeds: the paper's own figures, failed runs, and one Holm family for each question."""

import json

import numpy as np
import pytest

from core.statistics.errors import StatisticsError
from core.statistics.groups import compare_methods
from core.statistics.tests import holm, t_test

RUNS = {
    "finetune": [75.0, 76.5, 77.2, 74.9, 76.4],
    "adversarial": [78.0, 80.1, 76.9, 79.9, 77.3],
    "influence": [81.0, 50.0, 83.1, 78.8, 80.2],
}


def test_every_run_and_fitted_runs_stand_side_by_side():
    found = compare_methods(RUNS, "finetune", failed={"influence": [False, True, False, False, False]})
    every, fitted = found.every_run.methods[2], found.fitted.methods[2]
    assert (every.n, every.n_failed, fitted.n, fitted.n_failed) == (5, 1, 4, 1)
    assert every.mean == pytest.approx(np.mean(RUNS["influence"]))
    assert fitted.mean == pytest.approx(np.mean([81.0, 83.1, 78.8, 80.2]))
    assert fitted.sd == pytest.approx(np.std([81.0, 83.1, 78.8, 80.2], ddof=1))
    assert every.values == tuple(RUNS["influence"])
    assert found.notes == ("influence: 1 of 5 runs failed to fit the training set.",)


def test_pairs_are_tested_against_the_baseline_and_against_each_other():
    found = compare_methods(RUNS, "finetune").every_run
    assert [(pair.a, pair.b) for pair in found.against_baseline] == [
        ("adversarial", "finetune"),
        ("influence", "finetune"),
    ]
    assert [(pair.a, pair.b) for pair in found.between] == [
        ("finetune", "adversarial"),
        ("finetune", "influence"),
        ("adversarial", "influence"),
    ]
    for family in (found.against_baseline, found.between):
        tests = [t_test(np.array(RUNS[pair.a]), np.array(RUNS[pair.b])) for pair in family]
        assert [pair.p_value for pair in family] == [test.p_value for test in tests]
        assert [pair.p_holm for pair in family] == holm([test.p_value for test in tests])
        assert all(pair.g_lo < pair.hedges_g < pair.g_hi for pair in family)


def test_the_paper_preset_is_students_test():
    found = compare_methods(RUNS, "finetune", kind="student")
    assert found.test == "Student's t-test"
    assert {pair.df for pair in found.every_run.between} == {8.0}


def test_one_run_or_none_left_gives_none_and_no_error():
    found = compare_methods({"a": [1.0], "b": [2.0, 3.0]}, "a", failed={"a": [True]})
    assert found.every_run.methods[0].sd is None
    assert found.fitted.methods[0].mean is None
    assert found.fitted.between[0].difference is None
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("values", "failed", "sentence"),
    [
        ({"a": [1.0]}, {}, "baseline base is not among the methods a"),
        ({"base": [1.0, float("nan")]}, {}, "Run 1 of base has the value nan"),
        ({"base": []}, {}, "base has no runs"),
        ({"base": [1.0]}, {"base": [True, False]}, "failed runs of base do not match its 1 values"),
    ],
)
def test_what_cannot_be_compared_is_refused(values, failed, sentence):
    with pytest.raises(StatisticsError, match=sentence):
        compare_methods(values, "base", failed=failed)


def test_published_means_give_the_published_verdict():
    """Table 2 of the paper, TextLen: influence tuning against adversarial training has a Welch p of .12."""

    def runs(mean, sd):
        shape = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
        return (mean + sd * shape / shape.std(ddof=1)).tolist()

    found = compare_methods({"it": runs(80.48, 2.07), "adv": runs(78.44, 1.61)}, "adv").every_run
    assert found.against_baseline[0].p_value == pytest.approx(0.12, abs=0.005)
