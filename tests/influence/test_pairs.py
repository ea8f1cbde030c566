"""Invariant: pair cosines equal the oracle's, and their θ-gradient the four-term formula and finite differences."""

import pytest
import torch

from core.influence.batch import TOGETHER
from core.influence.errors import NonFiniteGradientError
from core.influence.gradients import token_grams
from core.influence.pairs import pair_cosines
from core.influence.twice import Gelus, gelu
from tests.influence import oracle
from tests.influence.models import FAMILIES, batch, make

LEFT, RIGHT = [1, 2, 3, 4], [0, 0, 0, 0]


def influence_loss(cosines):
    """`(mean over A − mean over B)²` of one probe with two examples on either side."""
    return (cosines[:2].mean() - cosines[2:].mean()) ** 2


def theta_gradient(model, value):
    found = torch.autograd.grad(value, list(model.parameters()), allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in found])


def four_terms(model, examples, left, right, weights):
    """`Σ_k w_k ∇θ cos_k` by the paper's p + q − r − s, with explicit Hessian-vector products."""
    total = 0.0
    for i, j, weight in zip(left, right, weights, strict=True):
        g_i, g_j = (oracle.gradient(model, examples[k], create_graph=True) for k in (i, j))

        def hvp(g, v):
            return theta_gradient(model, g @ v.detach())

        n_i, n_j, dot = g_i.norm().detach(), g_j.norm().detach(), (g_i @ g_j).detach()
        p = hvp(g_i, g_j) / (n_i * n_j)
        g_i, g_j = (oracle.gradient(model, examples[k], create_graph=True) for k in (i, j))
        q = hvp(g_j, g_i) / (n_i * n_j)
        g_i, g_j = (oracle.gradient(model, examples[k], create_graph=True) for k in (i, j))
        r = dot * hvp(g_i, g_i) / (n_i**3 * n_j)
        s = dot * hvp(g_j, g_j) / (n_i * n_j**3)
        total = total + weight * (p + q - r - s)
    return total


@pytest.fixture(params=["where they lie", "all at once", "a few at a time"])
def products(request, monkeypatch):
    """As on a CPU, and as on a GPU."""
    if request.param != "where they lie":
        monkeypatch.setitem(token_grams.AT_ONCE, "cpu", 2**26 if request.param == "all at once" else 6 * 16 * 2)


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("family", FAMILIES)
def test_cosines_and_their_gradient(family):
    model = make(family)
    examples = batch(family, 5, 6, 1)
    cosines = pair_cosines(model, examples, LEFT, RIGHT, create_graph=True)
    model.eval()
    expected = oracle.cosines(model, [examples], [examples])[LEFT, RIGHT]
    torch.testing.assert_close(cosines.detach(), expected, rtol=0, atol=1e-10)
    found = theta_gradient(model, influence_loss(cosines))
    leaf = expected.requires_grad_()
    (weights,) = torch.autograd.grad(influence_loss(leaf), leaf)
    formula = four_terms(model, oracle.examples([examples]), LEFT, RIGHT, weights)
    assert (found - formula).abs().max() < 1e-9 * formula.abs().max()


@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_equals_finite_differences(family):
    model = make(family)
    examples = batch(family, 5, 6, 1)
    found = theta_gradient(model, influence_loss(pair_cosines(model, examples, LEFT, RIGHT, create_graph=True)))
    torch.manual_seed(3)
    direction = [torch.randn_like(parameter) * 1e-6 for parameter in model.parameters()]
    sides = []
    with torch.no_grad():
        for sign in (1, -2):
            for parameter, step in zip(model.parameters(), direction, strict=True):
                parameter.add_(step, alpha=sign)
            sides.append(float(influence_loss(pair_cosines(model, examples, LEFT, RIGHT))))
    along = float(found @ torch.cat([step.flatten() for step in direction]))
    assert abs((sides[0] - sides[1]) / 2 - along) < 1e-5 * abs(along) + 1e-14


def test_fused_attention_gives_the_same_gradient():
    """Scaled-dot-product attention has no second derivative in its fused forms: the plain one is taken."""
    examples = batch("bert", 5, 6, 1)
    found = []
    for attention in ("eager", "sdpa"):
        model = make("bert")
        model.set_attn_implementation(attention)
        cosines = pair_cosines(model, examples, LEFT, RIGHT, create_graph=True)
        found.append(theta_gradient(model, influence_loss(cosines)))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)


def test_float32_gradient_is_close():
    examples = batch("bert", 5, 6, 1)
    found = [
        theta_gradient(model, influence_loss(pair_cosines(model, examples, LEFT, RIGHT, create_graph=True)))
        for model in (make("bert", torch.float32), make("bert"))
    ]
    assert (found[0] - found[1]).norm() < 1e-4 * found[1].norm()


def test_restricted_gradients_have_a_gradient_in_all_of_theta():
    model = make("bert")
    examples = batch("bert", 5, 6, 1)
    chosen = ["classifier.weight"]
    cosines = pair_cosines(model, examples, LEFT, RIGHT, create_graph=True, parameters=chosen)
    expected = oracle.cosines(model, [examples], [examples], chosen)[LEFT, RIGHT]
    torch.testing.assert_close(cosines.detach(), expected, rtol=0, atol=1e-10)
    influence_loss(cosines).backward()
    assert model.bert.embeddings.word_embeddings.weight.grad.abs().max() > 0


def test_a_descent_on_the_influence_loss_reaches_zero():
    model = make("bert")
    examples = batch("bert", 5, 6, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = influence_loss(pair_cosines(model, examples, LEFT, RIGHT, create_graph=True))
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.05 * losses[0]


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("together", [2, 3])
def test_parts_of_like_length_change_nothing(family, together, monkeypatch):
    model, examples = make(family), batch(family, 7, 9, 2)
    left, right = [1, 2, 3, 5, 6, 0], [0, 0, 0, 4, 4, 4]
    found = []
    for most in (99, together):
        monkeypatch.setitem(TOGETHER, "cpu", most)
        cosines = pair_cosines(model, examples, left, right, create_graph=True)
        found.append((cosines.detach(), theta_gradient(model, influence_loss(cosines))))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=0, atol=1e-10)
    assert (found[0][1] - found[1][1]).abs().max() < 1e-9 * found[0][1].abs().max()


def test_the_row_that_is_named_is_the_callers(monkeypatch):
    monkeypatch.setitem(TOGETHER, "cpu", 2)
    model, examples = make("bert"), batch("bert", 5, 6, 1)
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight[98] = float("nan")
    examples["input_ids"][3, 0] = 98
    with pytest.raises(NonFiniteGradientError, match="Row 3 of the batch"):
        pair_cosines(model, examples, [1, 2, 3, 4], [0, 0, 0, 0])


def test_gelu_is_torchs_to_the_second_derivative():
    x = torch.linspace(-6, 6, 97, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gelu, x)
    assert torch.autograd.gradgradcheck(gelu, x)
    torch.testing.assert_close(gelu(x), torch.nn.functional.gelu(x))


def test_only_plain_gelus_are_replaced():
    x = torch.randn(5, dtype=torch.float64)
    with Gelus():
        torch.testing.assert_close(torch.nn.functional.gelu(x), gelu(x))
        rounded = torch.nn.functional.gelu(x, approximate="tanh")
    torch.testing.assert_close(rounded, torch.nn.functional.gelu(x, approximate="tanh"), rtol=0, atol=0)
