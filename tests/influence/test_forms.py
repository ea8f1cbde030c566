"""Invariant: every form of gradient gives the products of the matrices that it stands for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.influence.gradients import outer
from core.influence.gradients.buffers import Buffers
from core.influence.gradients.couples import Couples
from core.influence.gradients.dense import Dense
from core.influence.gradients.outer import Outer
from core.influence.gradients.rows import Rows, scatter
from core.influence.gradients.token_grams import norms_and_products

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
SIZES = {
    "batch": st.integers(1, 5),
    "tokens": st.integers(1, 6),
    "inner": st.integers(1, 7),
    "outer_": st.integers(1, 7),
}


def check(form, whole, probes, whole_probes):
    """form, probes: gradients; whole, whole_probes: the same written out, `[B, D]`."""
    buffers = Buffers()
    torch.testing.assert_close(form.squared_norms(), whole.square().sum(1), **CLOSE)
    rows = list(range(form.batch))
    for left, right in (
        (rows * 2, rows[::-1] * 2),
        (rows, [0] * len(rows)),
        (rows[::-1] * 2, [rows[-1]] * 2 * len(rows)),
    ):
        couples = Couples(left, right, [rows], torch.device("cpu"))
        norms, products = form.norms_and_products([], couples)
        torch.testing.assert_close(norms, whole.square().sum(1), **CLOSE)
        torch.testing.assert_close(products, (whole[left] * whole[right]).sum(1), **CLOSE)
    check_parts([form, *probes], torch.cat([whole, whole_probes]))
    torch.testing.assert_close(form.merge(form).squared_norms(), 4 * whole.square().sum(1), **CLOSE)
    bank = probes[0].bank(sum(part.batch for part in probes))
    for part in probes:
        bank.add(part, buffers)
    for _ in range(2):
        torch.testing.assert_close(bank.products(form, buffers), whole @ whole_probes.T, **CLOSE)


def check_parts(parts, whole):
    """A batch that was run in parts: its rows in any order, pairs within parts and across."""
    order = torch.randperm(len(whole))
    whole = whole[order.argsort()]  # row r of the batch stands at place order.argsort()[r] of the parts
    rows, start = [], 0
    for part in parts:
        rows.append(order[start : start + part.batch].tolist())
        start += part.batch
    left, right = (torch.randint(0, len(whole), (9,)).tolist() for _ in range(2))
    norms, products = parts[0].norms_and_products(parts[1:], Couples(left, right, rows, torch.device("cpu")))
    torch.testing.assert_close(norms, whole.square().sum(1), **CLOSE)
    torch.testing.assert_close(products, (whole[left] * whole[right]).sum(1), **CLOSE)


@settings(max_examples=40, deadline=None)
@given(**SIZES, cost=st.sampled_from([0.0, 2.5, 1e9]))
def test_outer(batch, tokens, inner, outer_, cost):
    def made(n, t):
        a, b = torch.randn(n, t, inner, dtype=torch.float64), torch.randn(n, t, outer_, dtype=torch.float64)
        b[:, -1] = 0.0 if t > 1 else b[:, -1]  # padding
        return Outer(a, b).trimmed(), torch.einsum("bto,bti->boi", b, a).flatten(1)

    form, whole = made(batch, tokens)
    first, whole_first = made(2, tokens + 1)
    second, whole_second = made(3, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outer, "MATRIX_COST", cost)
        patch.setattr(outer, "BLOCK", {"cpu": 8 * tokens * inner})
        check(form, whole, [first, second], torch.cat([whole_first, whole_second]))


@settings(max_examples=40, deadline=None)
@given(batch=st.integers(1, 5), tokens=st.integers(1, 6), width=st.integers(1, 4), rows=st.integers(1, 9))
def test_rows(batch, tokens, width, rows):
    def made(n, t):
        ids, b = torch.randint(0, rows, (n, t)), torch.randn(n, t, width, dtype=torch.float64)
        return Rows(ids, b), scatter(ids, b, rows).flatten(1)

    form, whole = made(batch, tokens)
    first, whole_first = made(2, tokens + 1)
    second, whole_second = made(3, 2)
    check(form, whole, [first, second], torch.cat([whole_first, whole_second]))


@settings(max_examples=20, deadline=None)
@given(batch=st.integers(1, 5), width=st.integers(1, 9))
def test_dense(batch, width):
    g, first, second = (torch.randn(n, width, dtype=torch.float64) for n in (batch, 2, 3))
    check(Dense(g), g, [Dense(first), Dense(second)], torch.cat([first, second]))


def test_scatter_adds_what_falls_into_one_row():
    b = torch.tensor([[[1.0], [2.0], [4.0]]])
    torch.testing.assert_close(scatter(torch.tensor([[0, 2, 0]]), b, 3), torch.tensor([[[5.0], [0.0], [2.0]]]))


def test_tokens_with_no_gradient_are_dropped_and_nothing_else():
    a, b = torch.randn(2, 5, 3), torch.randn(2, 5, 4)
    assert Outer(a, b).trimmed().a.shape == a.shape
    b[:, 3:] = 0.0
    b[0, 1] = 0.0  # only one example's: kept for the other
    assert Outer(a, b).trimmed().b.shape == (2, 3, 4)
    assert Outer(a, torch.zeros_like(b)).trimmed().squared_norms().tolist() == [0.0, 0.0]


def test_the_derivative_of_token_grams_is_autograds():
    """Within and across parts, partners side by side and scattered, an anchor that is a partner too."""
    torch.manual_seed(0)
    a = [torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True), torch.randn(3, 2, 4, dtype=torch.float64)]
    b = [torch.randn(2, 3, 5, dtype=torch.float64), torch.randn(3, 2, 5, dtype=torch.float64)]
    factors = [x.requires_grad_() for x in (*a, *b)]
    couples = Couples([1, 2, 3, 0, 4, 2], [0, 0, 0, 2, 2, 2], [[0, 3], [1, 2, 4]], torch.device("cpu"))

    def outputs(*factors):
        return norms_and_products(factors[:2], factors[2:], couples)

    assert torch.autograd.gradcheck(outputs, factors)


def test_partners_side_by_side_are_read_in_one_piece():
    couples = Couples([1, 2, 4, 3], [0, 0, 0, 0], [[0, 1, 2], [3, 4]], torch.device("cpu"))
    first, second = couples.meetings([5, 2])
    assert (first.home, first.part, first.tokens, first.partners) == (0, 0, slice(0, 5), slice(5, 15))
    assert first.pairs.tolist() == [0] * 5 + [1] * 5
    assert (second.part, second.partners.tolist(), second.pairs.tolist()) == (1, [2, 3, 0, 1], [2, 2, 3, 3])
