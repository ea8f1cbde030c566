"""On a GPU the engine gives what a float64 loop on the CPU gives, within the memory it says, and goes on where it lacks."""

from collections.abc import Iterator

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from core.influence.by_layers import LayerSums
from core.influence.coverage import cover
from core.influence.embedding import embedding_scores
from core.influence.engine import Engine
from core.influence.memory import MOST_EXAMPLES, Meter
from core.influence.pairs import pair_cosines
from core.influence.scores import cosine_scores, self_influence
from tests.gpu.gpus import needs_gpu, only
from tests.influence import oracle
from tests.influence.models import FAMILIES, batch, make

pytestmark = needs_gpu


@pytest.fixture(scope="module")
def large() -> BertForSequenceClassification:
    """Four layers as wide as BERT base."""
    torch.manual_seed(0)
    config = BertConfig(vocab_size=5000, num_hidden_layers=4, max_position_embeddings=256, attn_implementation="eager")
    return BertForSequenceClassification(config).to("cuda").eval()


def examples(size: int, tokens: int, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 5000, (size, tokens), generator=generator)
    labels = torch.randint(0, 2, (size,), generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("family", FAMILIES)
def test_cosines_equal_a_loop_on_the_cpu(family: str, dtype: torch.dtype, most: float) -> None:
    model = make(family, dtype)
    train, probes = [batch(family, 6, 9, 1), batch(family, 3, 6, 2)], [batch(family, 4, 8, 3)]
    found = cosine_scores(model.to("cuda"), train, probes)
    assert found.device.type == "cpu"
    assert found.dtype == dtype
    assert (found - oracle.cosines(model.cpu().double(), train, probes)).abs().max() < most


def test_layers_and_self_influence_are_the_same_as_on_the_cpu() -> None:
    model = make("bert")
    train, probes = [batch("bert", 5, 7, 1)], [batch("bert", 3, 9, 2)]
    found = []
    for device in ("cpu", "cuda"):
        model.to(device)
        sums = LayerSums([0, 1, 0, 1, 1], 2, [-1, -1, -1])
        scores = cosine_scores(model, train, probes, by_layer=True, watch=sums.add)
        layers = (sums.shares.cpu(), sums.within.cpu())
        found.append((scores, *layers, self_influence(model, train), embedding_scores(model, train, probes)))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_of_pair_cosines_is_that_of_the_cpu(family: str) -> None:
    examples = batch(family, 5, 6, 1)
    found = []
    for dtype, device in ((torch.float64, "cpu"), (torch.float64, "cuda"), (torch.float32, "cuda")):
        model = make(family, torch.float32).to(dtype).to(device)
        cosines = pair_cosines(model, examples, [1, 2, 3, 4], [0, 0, 0, 0], create_graph=True)
        loss = (cosines[:2].mean() - cosines[2:].mean()).square()
        gradient = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True, materialize_grads=True)
        found.append(torch.cat([g.flatten() for g in gradient]).double().cpu())
    exact, double, single = found
    assert (double - exact).norm() < 1e-9 * exact.norm()
    assert (single - exact).norm() < 1e-3 * exact.norm()


@pytest.fixture
def rounded_everywhere() -> Iterator[None]:
    """A caller who has allowed TF32 for the whole process."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.usefixtures("rounded_everywhere")
def test_tf32_only_when_asked_for_by_name(large: BertForSequenceClassification) -> None:
    train, probes = [examples(8, 32)], [examples(4, 32, 1)]
    exact = cosine_scores(large.double(), train, probes).float()
    large.float()
    with torch.autocast("cuda", torch.bfloat16):
        full = cosine_scores(large, train, probes)
    rounded = cosine_scores(large, train, probes, tf32=True)
    assert torch.get_float32_matmul_precision() == "high", "the caller's setting is lost"
    assert (full - exact).abs().max() < 5e-6
    assert 2 * (full - exact).abs().max() < (rounded - exact).abs().max() < 2e-2


@pytest.mark.parametrize(("probes", "tokens", "limit"), [(4, 32, None), (40, 64, 2), (40, 64, 6), (160, 128, 12)])
def test_the_peak_is_predicted_and_kept_to(
    large: BertForSequenceClassification, probes: int, tokens: int, limit: int | None
) -> None:
    train = [examples(256, tokens, seed) for seed in range(2)]
    asked = [examples(probes, tokens, 9)]
    cosine_scores(large, [examples(2, tokens)], [examples(2, tokens)])  # the libraries' own workspaces
    memory = 40 * 2**30 if limit is None else limit * 2**30
    predicted = Meter(large, cover(large), memory).plan(asked).peak
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    cosine_scores(large, train, asked, memory=memory)
    peak = torch.cuda.max_memory_allocated() - before
    print(
        f"P = {probes}, T = {tokens}: {peak / 2**20:,.0f} MiB of {predicted / 2**20:,.0f} predicted, limit {limit} GiB"
    )
    assert peak <= predicted <= memory
    assert predicted < 4 * peak + 256 * 2**20, "far more is set aside than is needed"


def test_real_want_of_memory_halves_the_chunk_and_goes_on(large: BertForSequenceClassification) -> None:
    train, probes = [examples(256, 64)], [examples(8, 64, 1)]
    roomy = Engine(large, memory=20 * 2**30)
    wanted = roomy.products(train, probes)
    engine = Engine(large, memory=20 * 2**30)  # it is told of 20 GiB, and there are far fewer
    with only(2000):
        found = engine.products(train, probes)
    assert engine._meter.ceiling < roomy._meter.ceiling == MOST_EXAMPLES["cuda"]
    torch.testing.assert_close(found.pairs, wanted.pairs, rtol=1e-4, atol=1e-6)
