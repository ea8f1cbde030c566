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
    rows = torch.arange(form.batch)
    left, right = rows.repeat(2), rows.flip(0).repeat(2)
    for couples in (
        Couples.of(left, right),
        Couples.of(rows, torch.zeros_like(rows)),
        Couples.of(left[:-1], right[:-1]),
    ):
        expected = (whole[couples.left] * whole[couples.right]).sum(1)
        torch.testing.assert_close(form.norms_and_products(couples)[1], expected, **CLOSE)
    torch.testing.assert_close(form.merge(form).squared_norms(), 4 * whole.square().sum(1), **CLOSE)
    bank = probes[0].bank(sum(part.batch for part in probes))
    for part in probes:
        bank.add(part, buffers)
    for _ in range(2):
        torch.testing.assert_close(bank.products(form, buffers), whole @ whole_probes.T, **CLOSE)


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


def test_couples_are_put_back_in_the_order_given():
    left, right = torch.tensor([4, 1, 3, 2]), torch.tensor([5, 0, 0, 5])
    couples = Couples.of(left, right)
    assert couples.anchors.tolist() == [0, 5]
    assert couples.left[couples.back].tolist() == left.tolist()
    assert couples.right[couples.back].tolist() == right.tolist()
    assert Couples.of(left, torch.tensor([5, 0, 0, 0])).anchors.tolist() == [0, 0, 0, 5]
