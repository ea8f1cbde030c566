"""The tuning loss against first principles: J and its gradient from looped single-example gradients in float64."""

import numpy as np
import pytest
import torch

from core.encoders.loading import load_classifier
from core.errors import UserError
from core.training.batching import encode
from core.training.demotion import Demotion
from core.training.rounds import changeable
from core.training.tuples import Group
from tests.influence import oracle
from tests.training.examples import examples

GROUPS = [Group(0, (2, 4), (1, 3, 5)), Group(7, (9,), (8, 2)), Group(11, (13, 15), (10,))]


@pytest.fixture
def setting():
    frame = examples(24)
    frame = frame[frame["split"] == "train"].reset_index(drop=True)
    model, tokenizer = load_classifier("tiny", labels=["long", "short"], seed=1)
    model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4.0)
    return model, encode(frame, tokenizer, ["long", "short"], max_length=16)


def single(data, row):
    return data.batch(np.array([row]))


def influence(model, data, left, right, term):
    """One pair's influence, differentiable, by nothing but autograd."""
    model.eval()
    if term == "embedding":
        vectors = []
        for row in (left, right):
            inputs = {name: x for name, x in single(data, row).items() if name != "labels"}
            vectors.append(model.bert(**inputs).pooler_output[0])
        return torch.cosine_similarity(*vectors, dim=0)
    g, h = (oracle.gradient(model, single(data, row), create_graph=True) for row in (left, right))
    return (g @ h) / (g.norm() * h.norm())


def expected(model, data, terms):
    total = 0.0
    for term, weight in terms.items():
        for group in GROUPS:
            a, b = (
                torch.stack([influence(model, data, row, group.probe, term) for row in rows]).mean()
                for rows in (group.same, group.different)
            )
            total = total + weight * (a - b) ** 2 / len(GROUPS)
    found = torch.autograd.grad(total, list(model.parameters()), allow_unused=True, materialize_grads=True)
    return float(total.detach()), torch.cat([g.flatten() for g in found])


def gradient(model):
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in model.parameters()])


@pytest.mark.parametrize("terms", [{"influence": 1.0}, {"embedding": 1.0}, {"influence": 1.0, "embedding": 0.3}])
@pytest.mark.parametrize("at_once", [None, 1, 9])
def test_loss_and_gradient_are_those_of_the_definition(setting, terms, at_once):
    model, data = setting
    loss, whole = expected(model, data, terms)
    found = Demotion(terms, model, data, at_once=at_once).backward(GROUPS, scale=2.0)
    assert found.loss == pytest.approx(loss, rel=1e-9)
    torch.testing.assert_close(gradient(model), 2.0 * whole, rtol=1e-7, atol=1e-10)


def test_embedding_tuning_leaves_the_classifier_head_alone(setting):
    model, data = setting
    Demotion({"embedding": 1.0}, model, data).backward(GROUPS)
    assert model.classifier.weight.grad is None
    assert model.bert.pooler.dense.weight.grad.abs().max() > 0


def test_only_the_named_layers_get_a_gradient(setting):
    model, data = setting
    _, whole = expected(model, data, {"influence": 1.0})
    chosen = changeable(model, "1, pooler")
    assert {name.rpartition(".")[0].split(".")[1] for name in chosen} == {"encoder", "pooler"}
    Demotion({"influence": 1.0}, model, data).backward(GROUPS, inputs=list(chosen.values()))
    start = 0
    for name, parameter in model.named_parameters():
        piece = whole[start : start + parameter.numel()]
        start += parameter.numel()
        if name in chosen:
            torch.testing.assert_close(parameter.grad.flatten(), piece, rtol=1e-7, atol=1e-10)
        else:
            assert parameter.grad is None


def test_a_layer_that_is_not_there_is_named(setting):
    model, _ = setting
    with pytest.raises(UserError, match=r"round_layers names '7'.*bert.encoder.layer.1"):
        changeable(model, "7")
    with pytest.raises(UserError, match="names no layer"):
        changeable(model, " , ")
    assert len(changeable(model, "all")) == len(list(model.parameters()))


def test_the_sign_of_the_difference_is_told(setting):
    model, data = setting
    found = Demotion({"embedding": 1.0}, model, data).backward(GROUPS[:1])
    with torch.no_grad():
        a, b = (
            torch.stack([influence(model, data, row, 0, "embedding") for row in rows]).mean()
            for rows in (GROUPS[0].same, GROUPS[0].different)
        )
    assert found.difference == pytest.approx(float(a - b), rel=1e-9)


def test_an_undefined_influence_is_a_sentence_that_names_the_rows(setting):
    model, data = setting
    with torch.no_grad():
        model.classifier.bias[:] = torch.tensor([2000.0, 0.0])
    with pytest.raises(UserError, match="training rows 0, 2, 4, 1, 3"):
        Demotion({"influence": 1.0}, model, data).backward(GROUPS)
