"""Invariant: how the work is cut changes nothing: batches, padding, order, probe groups, factors or matrices."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from core.influence.batch import pieces
from core.influence.gradients import outer
from core.influence.memory import Meter
from core.influence.scores import cosine_scores
from tests.influence import oracle
from tests.influence.models import FAMILIES, PAD, batch, make

CLOSE = {"rtol": 0.0, "atol": 1e-12}


@settings(max_examples=12, deadline=None)
@given(
    family=st.sampled_from(list(FAMILIES)), size=st.integers(1, 6), tokens=st.integers(2, 7), seed=st.integers(0, 99)
)
def test_any_shape_equals_the_oracle(family, size, tokens, seed):
    """Square batches (as many examples as tokens) included: there an axis of tokens looks like the batch."""
    model = make(family)
    train, probes = [batch(family, size, tokens, seed)], [batch(family, tokens, size + 1, seed + 1)]
    found = cosine_scores(model, train, probes)
    assert (found - oracle.cosines(model, train, probes)).abs().max() < 1e-10


@pytest.mark.parametrize("family", FAMILIES)
def test_square_batch_and_single_examples(family):
    model = make(family)
    train, probes = [batch(family, 6, 6, 1)], [batch(family, 3, 3, 2)]
    whole = cosine_scores(model, train, probes)
    one_by_one = cosine_scores(model, oracle.examples(train), oracle.examples(probes))
    torch.testing.assert_close(whole, one_by_one, **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_more_padding(family):
    model = make(family)
    train, probes = batch(family, 5, 7, 1), batch(family, 3, 9, 2)
    padded = {
        name: F.pad(x, (0, 6), value=PAD.get(family, 0) if name == "input_ids" else 0) if x.dim() > 1 else x
        for name, x in train.items()
    }
    torch.testing.assert_close(
        cosine_scores(model, [padded], [probes]), cosine_scores(model, [train], [probes]), **CLOSE
    )


def test_batch_size_and_order():
    model = make("bert")
    train, probes = batch("bert", 7, 7, 1), [batch("bert", 3, 9, 2)]
    whole = cosine_scores(model, [train], probes)
    torch.testing.assert_close(cosine_scores(model, list(pieces(train, 2)), probes), whole, **CLOSE)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    shuffled = {name: x[order] for name, x in train.items()}
    torch.testing.assert_close(cosine_scores(model, [shuffled], probes), whole[order], **CLOSE)


def test_probes_in_several_groups(monkeypatch):
    """When the probes do not fit together, the training examples are read once a group, a plain iterator too."""
    model = make("bert")
    train, probes = [batch("bert", 7, 7, 1)], [batch("bert", 3, 9, 2), batch("bert", 4, 5, 3)]
    whole = cosine_scores(model, train, probes)
    plan = Meter.plan

    def two_at_a_time(self, held):
        prediction = plan(self, held)
        return type(prediction)(prediction.per_probe, prediction.per_example, 2, 3)

    monkeypatch.setattr(Meter, "plan", two_at_a_time)
    told = []
    found = cosine_scores(model, iter(train), probes, progress=lambda done, total: told.append((done, total)))
    torch.testing.assert_close(found, whole, **CLOSE)
    assert told[-1] == (28, 28)


@pytest.mark.parametrize("cost", [0.0, 1e9], ids=["matrices", "factors"])
@pytest.mark.parametrize("block", [64, 2**20], ids=["small blocks", "one block"])
def test_factors_or_matrices(monkeypatch, cost, block):
    model = make("albert")
    train, probes = [batch("albert", 5, 7, 1)], [batch("albert", 3, 9, 2), batch("albert", 2, 4, 3)]
    usual = cosine_scores(model, train, probes)
    monkeypatch.setattr(outer, "MATRIX_COST", cost)
    monkeypatch.setattr(outer, "BLOCK", {"cpu": block})
    torch.testing.assert_close(cosine_scores(model, train, probes), usual, **CLOSE)
