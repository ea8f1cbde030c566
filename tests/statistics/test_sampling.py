"""Probes come equally from each cell, and the same seed gives the same ones."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.statistics.errors import StatisticsError
from core.statistics.sampling import choose_probes
from tests.statistics.sets import aligned_columns


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(0, 10**6), st.integers(2, 4))
def test_cells_differ_by_at_most_one_probe(probes, seed, values):
    label = np.repeat(["a", "b"], 60 * values)
    confound = np.tile(np.arange(values).astype(str), 120)
    choice = choose_probes(label, confound, seed=seed, probes=probes)
    taken = [cell.chosen for cell in choice.cells]
    assert sum(taken) == probes == len(set(choice.rows.tolist()))
    assert max(taken) - min(taken) <= 1
    assert choice.rows.tolist() == choose_probes(label, confound, seed=seed, probes=probes).rows.tolist()
    found = Counter(zip(label[choice.rows], confound[choice.rows], strict=True))
    assert {(cell.label, cell.confound): cell.chosen for cell in choice.cells if cell.chosen} == found


def test_a_thin_cell_gives_all_it_has_and_says_so():
    label = np.array(["a"] * 53 + ["b"] * 50)
    confound = np.array(["x"] * 50 + ["y"] * 3 + ["x", "y"] * 25)
    choice = choose_probes(label, confound, seed=1, probes=40)
    assert [cell.chosen for cell in choice.cells] == [10, 3, 10, 10]
    assert choice.notes == ("a × y has only 3 examples; all of them are probes, 10 were wanted.",)


def test_a_label_without_counterexamples_gives_no_probes_and_says_so():
    label, confound = ["a"] * 5 + ["b"] * 6, ["x"] * 5 + ["x", "y"] * 3
    choice = choose_probes(label, confound, seed=1, probes=4)
    assert [cell.chosen for cell in choice.cells] == [0, 2, 2]
    assert choice.notes[0].startswith("No probes from a × x: every training example labelled a has this confound")


def test_a_probe_alone_in_its_cell_is_left_out_unless_it_is_held_out():
    label, confound = ["a"] * 6, ["x"] * 5 + ["y"]
    inside = choose_probes(label, confound, seed=1, probes=4)
    assert set(inside.rows) <= set(range(5))
    assert "No probes from a × y: no other training example" in inside.notes[0]
    outside = choose_probes(label, confound, seed=1, probes=2, held_out=(["a", "a"], ["x", "y"]))
    assert outside.rows.tolist() == [0, 1]
    assert outside.probe_row.tolist() == [-1, -1]


def test_nothing_to_choose_is_an_error_in_words():
    with pytest.raises(StatisticsError, match="No example can serve as a probe"):
        choose_probes(["a", "a", "b"], ["x", "x", "y"], seed=1)
    with pytest.raises(StatisticsError, match="Choose at least 1"):
        choose_probes(["a", "a"], ["x", "y"], seed=1, probes=0)


def test_paper_preset_takes_the_first_rows():
    label, confound = aligned_columns(100, np.random.default_rng(0))
    choice = choose_probes(label, confound, seed=3, preset="paper")
    assert choice.rows.tolist() == list(range(40))
    assert choice.probe_row.tolist() == list(range(40))
    assert sum(cell.chosen for cell in choice.cells) == 40


def test_another_seed_chooses_others():
    label, confound = aligned_columns(400, np.random.default_rng(0))
    first, second = (choose_probes(label, confound, seed=seed).rows.tolist() for seed in (1, 2))
    assert first != second
