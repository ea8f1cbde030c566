"""Invariant: scores equal a plain loop of single-example gradients, for every family, dtype and kind of score."""

import pytest
import torch

from core.influence.coverage import layer_names
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


@pytest.mark.parametrize("family", FAMILIES)
def test_each_parameter_alone(family):
    """A rule that is wrong for a small parameter would hide behind the large ones."""
    model = make(family)
    train = [batch(family, 4, 6, 1, pairs=True)]
    for name, _ in model.named_parameters():
        expected = oracle.gradients(model, train, [name]).square().sum(1)
        found = self_influence(model, train, parameters=[name])
        torch.testing.assert_close(
            found, expected, rtol=1e-9, atol=1e-20, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_sum_to_the_whole(family):
    model = make(family)
    train, probes = [batch(family, 5, 7, 1)], [batch(family, 3, 9, 2)]
    names = layer_names(model)
    by_layer = cosine_scores(model, train, probes, by_layer=True)  # [L, N, P]
    assert by_layer.shape == (len(names), 5, 3)
    torch.testing.assert_close(by_layer.sum(0), cosine_scores(model, train, probes), rtol=0, atol=1e-14)
    for layer, name in enumerate(names):
        part = [parameter for parameter, _ in model.named_parameters() if parameter.startswith(f"{name}.")]
        left, right = oracle.gradients(model, train, part), oracle.gradients(model, probes, part)
        if all(other == name or not other.startswith(f"{name}.") for other in names):
            products = product_scores(model, train, probes, by_layer=True)[layer]
            torch.testing.assert_close(products, left @ right.T, rtol=1e-9, atol=1e-12)


def test_layers_have_the_names_that_a_reader_expects():
    assert layer_names(make("bert")) == [
        "bert.embeddings",
        "bert.encoder.layer.0",
        "bert.encoder.layer.1",
        "bert.pooler",
        "classifier",
    ]
    assert layer_names(make("albert"), ["albert.encoder", "classifier"]) == [
        "albert.encoder",
        "albert.encoder.albert_layer_groups.0",
        "classifier",
    ]


def test_restricted_to_named_parameters_or_modules():
    model = make("bert")
    train, probes = [batch("bert", 5, 7, 1)], [batch("bert", 3, 9, 2)]
    chosen = ["bert.pooler.dense.weight", "bert.encoder.layer.1.attention"]
    names = [name for name, _ in model.named_parameters() if name.startswith(tuple(chosen))]
    expected = oracle.cosines(model, train, probes, names)
    torch.testing.assert_close(cosine_scores(model, train, probes, parameters=chosen), expected, rtol=0, atol=1e-10)


def test_frozen_parameters_do_not_count():
    model = make("bert")
    for parameter in model.bert.embeddings.parameters():
        parameter.requires_grad_(False)
    train, probes = [batch("bert", 5, 7, 1)], [batch("bert", 3, 9, 2)]
    torch.testing.assert_close(
        cosine_scores(model, train, probes), oracle.cosines(model, train, probes), rtol=0, atol=1e-10
    )


def test_progress_tells_examples_done():
    model = make("bert", torch.float32)
    told = []
    train = [batch("bert", 5, 7, 1), batch("bert", 2, 7, 2)]
    cosine_scores(model, train, [batch("bert", 3, 9, 2)], progress=lambda done, total: told.append((done, total)))
    assert told == [(5, 7), (7, 7)]
    told.clear()
    self_influence(model, iter(train), progress=lambda done, total: told.append((done, total)))
    assert told == [(5, None), (7, None)]
