"""Invariant: scores equal a plain loop of single-example gradients, for every family, dtype and kind of score."""

import pytest
import torch

from core.influence.scores import cosine_scores, product_scores, self_influence
from tests.influence import oracle
from tests.influence.models import FAMILIES, batch, make


@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
@pytest.mark.parametrize("family", FAMILIES)
def test_cosines_in_float64(family, pairs):
    model = make(family)
    train = [batch(family, 5, 9, 1, pairs=pairs), batch(family, 3, 6, 2, pairs=pairs)]
    probes = [batch(family, 4, 8, 3, pairs=pairs)]
    found = cosine_scores(model, train, probes)
    expected = oracle.cosines(model, train, probes)
    assert (found - expected).abs().max() < 1e-10, "a parameter is left out, counted twice, or an example leaks"


@pytest.mark.parametrize("family", FAMILIES)
def test_cosines_in_float32(family):
    model = make(family, torch.float32)
    train, probes = [batch(family, 6, 9, 1)], [batch(family, 4, 8, 3)]
    found = cosine_scores(model, train, probes)
    assert found.dtype == torch.float32
    assert (found - oracle.cosines(model.double(), train, probes)).abs().max() < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_products_and_self_influence(family):
    model = make(family)
    train, probes = [batch(family, 5, 7, 1)], [batch(family, 3, 9, 2)]
    left, right = oracle.gradients(model, train), oracle.gradients(model, probes)
    torch.testing.assert_close(product_scores(model, train, probes), left @ right.T, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(self_influence(model, train), left.square().sum(1), rtol=1e-9, atol=1e-12)


def test_an_example_against_itself_is_one():
    model = make("bert", torch.float32)
    examples = [batch("bert", 6, 9, 1)]
    torch.testing.assert_close(cosine_scores(model, examples, examples).diagonal(), torch.ones(6))
