"""The traps: what must not change an influence, and what is refused in its own words."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from core.errors import UserError
from core.influence import engine
from core.influence.embedding import embedding_scores, pair_embedding_cosines
from core.influence.errors import (
    InfluenceError,
    MemoryLimitError,
    NonFiniteGradientError,
    UncoveredParameterError,
    UnknownParameterError,
    ZeroGradientError,
)
from core.influence.gradients import outer
from core.influence.pairs import pair_cosines
from core.influence.scores import cosine_scores, product_scores, self_influence
from tests.influence import oracle
from tests.influence.models import batch, make


@pytest.fixture
def model():
    return make("bert")


@pytest.fixture
def train():
    return [batch("bert", 6, 7, 1)]


@pytest.fixture
def probes():
    return [batch("bert", 3, 9, 2)]


def test_dropout_is_off_and_the_mode_comes_back(model, train, probes):
    model.train()
    model.bert.pooler.eval()
    modes = [module.training for module in model.modules()]
    found = cosine_scores(model, train, probes)
    assert [module.training for module in model.modules()] == modes
    torch.testing.assert_close(found, oracle.cosines(model, train, probes), rtol=0, atol=1e-10)


def test_nothing_is_left_on_the_model(model, train, probes):
    before = {name: x.clone() for name, x in model.state_dict().items()}
    cosine_scores(model, train, probes)
    pair_cosines(model, train[0], [0], [1], create_graph=True)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())


def test_autocast_and_no_grad_around_it_change_nothing(train, probes):
    model = make("bert", torch.float32)
    plain = cosine_scores(model, train, probes)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        wrapped = cosine_scores(model, train, probes)
    assert torch.equal(plain, wrapped)


def test_precision_setting_comes_back(model, train, probes):
    torch.set_float32_matmul_precision("high")
    try:
        cosine_scores(model, train, probes, tf32=True)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_half_precision_is_refused(model, train, probes):
    with pytest.raises(
        InfluenceError, match=r"float32 or float64 model, this one holds bfloat16: call model.float\(\)"
    ):
        cosine_scores(model.bfloat16(), train, probes)


class Wide(nn.Module):
    """A classifier with one layer of 16 million weights."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Linear(4000, 4000)
        self.head = nn.Linear(4000, 2)

    def forward(self, input_ids):
        return SimpleNamespace(logits=self.head(torch.tanh(self.wide(input_ids.float()))))


@pytest.mark.parametrize("cost", [0.0, 2.5], ids=["matrices", "factors"])
def test_long_gradients_keep_their_norm_in_float32(monkeypatch, cost):
    """A float32 sum of that many squares drifts; an example's cosine with itself tells."""
    monkeypatch.setattr(outer, "MATRIX_COST", cost)
    torch.manual_seed(0)
    examples = [{"input_ids": torch.randint(0, 5, (2, 4000)), "labels": torch.tensor([0, 1])}]
    found = cosine_scores(Wide(), examples, examples)
    assert (found.diagonal() - 1).abs().max() < 5e-6


def test_nearly_certain_examples_keep_their_precision(train, probes):
    """`p − 1` rounds to zero in float32 when the model is certain; the scaled form does not."""
    model = make("bert")
    with torch.no_grad():
        model.classifier.bias[0] = 20.0
    train[0]["labels"].fill_(0)
    expected = oracle.cosines(model, train, probes)
    assert self_influence(model, train).max() < 1e-12
    assert (cosine_scores(model.float(), train, probes) - expected).abs().max() < 1e-5


def test_zero_gradient_is_refused_and_named(model, train, probes):
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, -1e9, -1e9]))
    certain = int((train[0]["labels"] == 0).nonzero()[0])
    with pytest.raises(ZeroGradientError, match=rf"Example {certain}: its gradient is exactly zero"):
        cosine_scores(model, train, [{**probes[0], "labels": torch.tensor([1, 2, 1])}])
    with pytest.raises(ZeroGradientError, match="Row"):
        pair_cosines(model, train[0], [certain], [0])
    assert product_scores(model, train, probes)[certain].abs().max() == 0


def test_a_gradient_that_is_not_finite_is_refused_and_named(model, train, probes):
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight[train[0]["input_ids"][2, 1]] = float("nan")
    probes = [{**probes[0], "input_ids": probes[0]["input_ids"].clamp(max=4)}]
    first = int((train[0]["input_ids"] == train[0]["input_ids"][2, 1]).any(1).nonzero()[0])
    with pytest.raises(
        NonFiniteGradientError, match=rf"Example {first}: its gradient in bert.embeddings is not finite"
    ):
        cosine_scores(model, train, probes)
    with pytest.raises(NonFiniteGradientError, match="Probe 0"):
        cosine_scores(model, probes, [{name: x[first:] for name, x in train[0].items()}])
    with pytest.raises(NonFiniteGradientError, match=rf"Row {first}"):
        pair_cosines(model, train[0], [0], [1])


def test_a_layer_without_a_rule_is_refused_by_name(model, train, probes):
    class OtherLinear(nn.Linear):
        """A subclass may compute something else, so it is not taken for its parent."""

    model.classifier = OtherLinear(16, 3).double()
    with pytest.raises(UncoveredParameterError, match=r"classifier.weight \(OtherLinear\), classifier.bias"):
        cosine_scores(model, train, probes)
    cosine_scores(model, train, probes, parameters=["bert"])  # excluded on purpose


def test_a_parameter_used_outside_its_layer_is_refused_by_name(model, train, probes):
    pooler = model.bert.pooler
    pooler.forward = lambda hidden: torch.tanh(hidden[:, 0] @ pooler.dense.weight.T)
    with pytest.raises(UncoveredParameterError, match=r"bert\.pooler\.dense\.weight: used by the whole batch at once"):
        cosine_scores(model, train, probes)


def test_a_layer_called_by_keyword_counts_too(model, train, probes):
    pooler = model.bert.pooler
    pooler.forward = lambda hidden: torch.tanh(pooler.dense(input=hidden[:, 0]))
    expected = oracle.cosines(model, train, probes)
    torch.testing.assert_close(cosine_scores(model, train, probes), expected, rtol=0, atol=1e-10)


def test_unknown_and_frozen_names_are_refused(model, train, probes):
    with pytest.raises(UnknownParameterError, match=r"'bert.pole', which is no parameter or module"):
        cosine_scores(model, train, probes, parameters=["bert.pole"])
    model.classifier.weight.requires_grad_(False)
    with pytest.raises(UnknownParameterError, match=r"'classifier.weight', which is frozen"):
        cosine_scores(model, train, probes, parameters=["classifier.weight"])
    with pytest.raises(UnknownParameterError, match="No parameter"):
        cosine_scores(model.requires_grad_(False), train, probes)


def test_missing_examples_and_labels_are_refused(model, train, probes):
    with pytest.raises(InfluenceError, match="no probes"):
        cosine_scores(model, train, [])
    with pytest.raises(InfluenceError, match="no examples"):
        cosine_scores(model, [], probes)
    with pytest.raises(UserError, match="needs 'labels' beside attention_mask, input_ids"):
        self_influence(model, [{name: x for name, x in train[0].items() if name != "labels"}])


def test_too_little_memory_is_refused_before_the_start(model, train, probes):
    told = []
    with pytest.raises(MemoryLimitError, match=r"needs about .* MiB and the limit is 1 MiB"):
        cosine_scores(model, train, probes, memory=2**20, progress=lambda *done: told.append(done))
    assert not told


def test_memory_that_runs_out_halves_the_chunk(model, train, probes, monkeypatch):
    expected = cosine_scores(model, train, probes)
    real, sizes = engine.gradients, []

    def short_of_memory(model, batch, coverage):
        sizes.append(len(batch["labels"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("none left")
        return real(model, batch, coverage)

    monkeypatch.setattr(engine, "gradients", short_of_memory)
    torch.testing.assert_close(cosine_scores(model, [*train, *train], probes)[:6], expected, rtol=0, atol=1e-12)
    assert max(sizes[-4:]) <= 2, "it should not try again what failed"
    monkeypatch.setattr(engine, "gradients", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("none left")))
    with pytest.raises(MemoryLimitError):
        cosine_scores(model, train, probes)


def test_last_layer_row_equals_embedding_influence(train, probes):
    """Restricted to the true label's row of the last layer, same-label cosines are cosines of what that layer reads."""
    model = make("bert")
    found = embedding_scores(model, train, probes)  # [N, P]
    left, right = (oracle.gradients(model, part, ["classifier.weight"]).view(-1, 3, 16) for part in (train, probes))
    for n, label in enumerate(train[0]["labels"].tolist()):
        for p, other in enumerate(probes[0]["labels"].tolist()):
            if label == other:
                expected = torch.cosine_similarity(left[n, label], right[p, label], dim=0)
                torch.testing.assert_close(found[n, p], expected, rtol=0, atol=1e-10)


def test_two_labels_last_layer_equals_embedding_influence_outright():
    """With two labels the rows are negatives of each other, so the whole last weight says the same."""
    model = make("bert")
    model.classifier = nn.Linear(16, 2).double()
    examples = batch("bert", 6, 7, 1)
    examples["labels"] = torch.ones(6, dtype=torch.long)
    by_gradient = cosine_scores(model, [examples], [examples], parameters=["classifier.weight"])
    torch.testing.assert_close(by_gradient, embedding_scores(model, [examples], [examples]), rtol=0, atol=1e-10)


def test_embedding_cosines_of_pairs_can_be_descended_on(train):
    model = make("roberta")
    examples = batch("roberta", 5, 6, 1)
    cosines = pair_embedding_cosines(model, examples, [1, 2], [0, 0])
    expected = embedding_scores(model, [examples], [examples])[[1, 2], [0, 0]]
    torch.testing.assert_close(cosines.detach(), expected, rtol=0, atol=1e-12)
    cosines.sum().backward()
    assert model.roberta.embeddings.word_embeddings.weight.grad.abs().max() > 0
    assert model.classifier.out_proj.weight.grad is None
