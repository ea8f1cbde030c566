"""Which examples a tuning step sees: pools, access rate, and tuples drawn from them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.training.config import TrainConfig
from core.training.tuples import codes, draw, known_examples

LABEL = np.array([0] * 40 + [1] * 40)
CONFOUND = np.array([0] * 36 + [1] * 4 + [1] * 30 + [0] * 6 + [2] * 4)


def config(**settings_):
    return TrainConfig(method="influence-tuning", **settings_)


def test_codes_are_numbers_in_sorted_order():
    assert codes(pd.Series(["b", "a", "c", "a"])).tolist() == [1, 0, 2, 0]


@settings(max_examples=60, deadline=None)
@given(k=st.integers(1, 9), count=st.integers(1, 100), seed=st.integers(0, 99), key=st.integers(0, 9))
def test_a_shares_the_confound_b_does_not_and_the_probe_is_in_neither(k, count, seed, key):
    made = config(k=k, seed=seed)
    known = known_examples(made, LABEL, CONFOUND)
    groups = draw(made, known, LABEL, CONFOUND, count, (key,))
    assert len(groups) == min(count, 80)
    assert len({group.probe for group in groups}) == len(groups)
    for group in groups:
        y, c = LABEL[group.probe], CONFOUND[group.probe]
        here = (y == LABEL) & (c == CONFOUND)
        assert len(group.same) == min(k, here.sum() - 1)
        assert len(group.different) == min(k, ((y == LABEL) & (c != CONFOUND)).sum())
        assert len(set(group.rows)) == len(group.rows)
        assert all(LABEL[row] == y and CONFOUND[row] == c for row in group.same)
        assert all(LABEL[row] == y and CONFOUND[row] != c for row in group.different)
    assert draw(made, known, LABEL, CONFOUND, count, (key,)) == groups
    if count > 10:
        assert draw(made, known, LABEL, CONFOUND, count, (key + 1,)) != groups


def test_b_takes_evenly_from_several_other_values():
    made = config(k=6)
    known = known_examples(made, LABEL, CONFOUND)
    for group in draw(made, known, LABEL, CONFOUND, 80, (0,)):
        if LABEL[group.probe] == 1 and CONFOUND[group.probe] == 1:
            values, counts = np.unique(CONFOUND[list(group.different)], return_counts=True)
            assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {0: 3, 2: 3}


def test_the_access_rate_takes_its_share_of_every_cell_and_tops_nothing_up():
    made = config(access_rate=0.25)
    known = known_examples(made, LABEL, CONFOUND)
    counts = {
        (y, c): int(known.known[(y == LABEL) & (c == CONFOUND)].sum())
        for y, c in ((0, 0), (0, 1), (1, 1), (1, 0), (1, 2))
    }
    assert counts == {(0, 0): 9, (0, 1): 1, (1, 1): 8, (1, 0): 2, (1, 2): 1}
    assert known.counterexamples == 4
    assert "4 of them counterexamples" in known.sentence()
    for group in draw(made, known, LABEL, CONFOUND, 80, (0,)):
        assert known.known[list(group.rows)].all()


def test_a_smaller_rate_lies_within_a_larger_one():
    small, large = (known_examples(config(access_rate=rate), LABEL, CONFOUND).known for rate in (0.2, 0.5))
    assert (large | ~small).all()
    assert small.sum() < large.sum()


def test_counterexamples_can_be_kept_on_purpose():
    known = known_examples(config(access_rate=0.1, keep_counterexamples=3), LABEL, CONFOUND)
    assert [int(known.known[(LABEL == 1) & (c == CONFOUND)].sum()) for c in (0, 2)] == [3, 3]
    assert int(known.known[(LABEL == 0) & (CONFOUND == 0)].sum()) == 4


def test_probes_without_a_counterexample_are_left_out_and_counted():
    label, confound = np.array([0] * 20 + [1] * 20), np.array([0] * 15 + [1] * 5 + [1] * 20)
    known = known_examples(config(), label, confound)
    assert known.left_out == 20
    assert set(label[known.probes]) == {0}
    assert "20 have no counterexample" in known.sentence()


def test_no_probe_at_all_is_an_error_before_training():
    with pytest.raises(UserError, match="No training example can serve as a probe"):
        known_examples(config(), LABEL, LABEL)
    assert not len(known_examples(TrainConfig(), LABEL, LABEL).probes)  # plain finetuning needs none
