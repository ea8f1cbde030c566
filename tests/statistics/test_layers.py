"""Layers' CIDs add up to CID, whatever the cells; a probe stays out of its own group; intervals hold the means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.statistics.cid import layer_cid, probe_cids
from core.statistics.design import arrange
from core.statistics.errors import StatisticsError
from core.statistics.layers import cells_of, cids_from_sums, layer_cids
from tests.statistics.sets import case


def sums_of(layers, one):
    """Sums over cells [L, G, P] of scores [L, N, P], each probe left out of its own."""
    others = np.arange(layers.shape[1])[:, None] != one.row
    cells = cells_of(one.label, one.confound)
    return np.stack([(layers * others)[:, cells.code == g].sum(1) for g in range(len(cells.names))], axis=1), cells


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(2, 24), st.integers(1, 5), st.integers(2, 4))
def test_from_sums_as_from_the_whole_matrix_and_adding_up(seed, probes, layers, confounds):
    one = case(n=90, probes=probes, seed=seed, effect=0.4, confounds=tuple("abcd"[:confounds]))
    parts = np.random.default_rng(seed).dirichlet(np.ones(layers), size=one.scores.shape).transpose(2, 0, 1)
    sums, cells = sums_of(parts * one.scores, one)
    found = cids_from_sums(sums, cells, one.label[one.row], one.confound[one.row], one.row)  # [L, P]
    np.testing.assert_allclose(found, layer_cid(parts * one.scores, *one.columns), atol=1e-10)
    np.testing.assert_allclose(found.sum(0), probe_cids(one.scores, arrange(*one.columns)), atol=1e-10)


def test_layers_have_names_intervals_and_add_up():
    one = case(n=200, probes=16, effect=0.5)
    shares = np.array([[0.2], [0.3], [0.5]]) * probe_cids(one.scores, arrange(*one.columns))
    names = [("embeddings", "bert.embeddings"), ("block 1", "bert.encoder.layer.0"), ("classifier", "classifier")]
    columns = one.label[one.row], one.confound[one.row]
    found = layer_cids(names, shares, shares * 2, *columns, seed=1, draws=500)
    assert [layer.layer for layer in found] == ["embeddings", "block 1", "classifier"]
    assert sum(layer.cid for layer in found) == pytest.approx(shares.sum(0).mean())
    for layer in found:
        assert layer.ci[0] < layer.cid < layer.ci[1]
        assert layer.within == pytest.approx(2 * layer.cid)
        assert isinstance(layer.to_dict()["ci"], list)
    assert found == layer_cids(names, shares, shares * 2, *columns, seed=1, draws=500)


def test_a_probe_without_cid_takes_no_part_and_without_any_there_are_no_layers():
    shares = np.array([[0.1, np.nan, 0.3]])
    (found,) = layer_cids([("a", "a")], shares, shares, list("xxx"), list("ppq"), seed=0, draws=200)
    assert found.cid == pytest.approx(0.2)
    assert layer_cids([("a", "a")], shares * np.nan, shares, list("xxx"), list("ppq"), seed=0) == ()


def test_an_empty_group_gives_no_number_and_sums_must_fit():
    cells = cells_of(["x", "x", "y"], ["p", "q", "p"])
    sums = np.ones((2, 3, 3))
    found = cids_from_sums(sums, cells, ["x", "x", "y"], ["p", "q", "p"], np.array([0, -1, -1]))
    assert np.isnan(found[:, [0, 2]]).all()
    assert np.isfinite(found[:, 1]).all()
    with pytest.raises(StatisticsError, match="do not fit"):
        cids_from_sums(sums[:, :2], cells, ["x"], ["p"], np.array([-1]))
