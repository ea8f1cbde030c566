"""CID from a sample: the whole set gives `probe_cids`, a part of it an unbiased estimate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.statistics.cid import probe_cids
from core.statistics.design import arrange
from core.statistics.sampled import sample_cells, sampled_cids


def made(seed, n=60, values=3):
    rng = np.random.default_rng(seed)
    label, confound = rng.integers(0, 2, n).astype(str), rng.integers(0, values, n).astype(str)
    probes = np.sort(rng.permutation(n)[:12])
    return label, confound, probes, rng.normal(size=(n, len(probes)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), values=st.integers(2, 4))
def test_all_rows_give_the_whole_cid(seed, values):
    label, confound, probes, scores = made(seed, values=values)
    sample = sample_cells(label, confound, per_cell=1000, seed=seed)
    assert sorted(sample.rows.tolist()) == list(range(60))
    found = sampled_cids(scores[sample.rows], sample, label[probes], confound[probes], probes)
    whole = probe_cids(scores, arrange(label, confound, label[probes], confound[probes], probes))
    np.testing.assert_allclose(found, whole, rtol=1e-10, atol=1e-12)


def test_the_mean_over_samples_is_the_whole_cid():
    label, confound, probes, scores = made(5)
    whole = probe_cids(scores, arrange(label, confound, label[probes], confound[probes], probes))
    drawn = []
    for seed in range(1500):
        sample = sample_cells(label, confound, per_cell=4, seed=seed)
        drawn.append(np.nanmean(sampled_cids(scores[sample.rows], sample, label[probes], confound[probes], probes)))
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(np.mean(drawn) - np.nanmean(whole)) < 4 * error


def test_a_sample_is_even_and_repeatable():
    label, confound, _, _ = made(1)
    sample = sample_cells(label, confound, per_cell=5, seed=3)
    assert np.bincount(sample.cell).max() <= 5
    assert len(set(sample.rows.tolist())) == len(sample.rows)
    for cell, (y, c) in enumerate(sample.names):
        mine = sample.rows[sample.cell == cell]
        assert (label[mine] == y).all()
        assert (confound[mine] == c).all()
        assert sample.sizes[cell] == ((label == y) & (confound == c)).sum()
    assert sample_cells(label, confound, per_cell=5, seed=3).rows.tolist() == sample.rows.tolist()


def test_a_probe_without_counterexamples_has_none():
    label, confound = np.array(["a"] * 6), np.array(["x"] * 6)
    sample = sample_cells(label, confound, per_cell=9, seed=0)
    assert np.isnan(sampled_cids(np.ones((6, 1)), sample, label[:1], confound[:1], np.array([0]))).all()


def test_the_probe_itself_is_never_in_its_own_group():
    label, confound = np.array(["a"] * 4), np.array(["x", "x", "y", "y"])
    sample = sample_cells(label, confound, per_cell=9, seed=0)
    scores = np.array([[1.0], [0.4], [0.1], [0.3]])
    found = sampled_cids(scores[sample.rows], sample, label[:1], confound[:1], np.array([0]))
    assert found[0] == pytest.approx(0.4 - 0.2)
