"""Figure 1's styles, the matrix and the layers: the numbers drawn are those of the definition, and few."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.views.charts import config
from core.views.group_curves import POINTS, bandwidth, cumulative, curves_table, densities, group_curves
from core.views.histograms import bins_table
from core.views.influence_blocks import MOST_COLUMNS, MOST_ROWS, block_means, blocks_figure, cells_table
from core.views.layer_shares import Layer, LayersAt, read_layers, where_it_lives
from core.views.layers import layer_bars, layer_map, layers_table
from core.views.probe_groups import Groups, histogram
from core.views.strips import (
    CORNERS,
    MOST,
    format_area,
    inside,
    parse_area,
    selected_area,
    strip,
    strip_figure,
    strip_table,
)

ROUNDED = 2e-3
"""How far a corner may be moved on its way through the address, which keeps four digits of it."""

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 2.0), (0.0, 2.0))


def random_groups(n: int, seed: int = 0, rare: float = 0.5) -> Groups:
    rng = np.random.default_rng(seed)
    same = rng.random(n) < rare
    return Groups(np.tanh(rng.normal(0.1, 1, n)), same, ~same & (rng.random(n) < 0.9), -1)


# --- curves ---


@settings(deadline=None)
@given(st.integers(3, 3000), st.integers(0, 20))
def test_a_density_is_scipy_s_with_silverman_s_bandwidth(n: int, seed: int) -> None:
    values = np.tanh(np.random.default_rng(seed).normal(0.1, 1, n))
    every = np.ones(n, dtype=bool)
    curve, empty = densities(Groups(values, every, ~every, -1))
    wanted = stats.gaussian_kde(values, bandwidth(values) / values.std(ddof=1))(curve.x)
    np.testing.assert_allclose(curve.y, wanted, atol=0.01 * wanted.max())
    assert len(curve.x) <= POINTS
    assert len(empty.x) == 0
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("n", [7, POINTS, 100_000])
def test_a_share_below_is_counted_and_has_few_points(n: int) -> None:
    found = random_groups(n)
    for curve, group in zip(cumulative(found), (found.same, found.different), strict=True):
        assert len(curve.x) <= POINTS
        for place in range(0, len(curve.x), 37):
            assert curve.y[place] == pytest.approx((found.scores[group] <= curve.x[place]).mean())
        assert curve.y[-1] == 1


@pytest.mark.parametrize("style", ["density", "ecdf"])
def test_curves_stand_over_the_bins_of_the_histogram(style: str) -> None:
    found = random_groups(500)
    binned = histogram(found)
    figure = group_curves(style, found, binned, means=(0.1, None), chosen=(1, 2))
    assert [one.line.color for one in figure.data[:2]] == ["#E69F00", "#0072B2"]
    assert list(figure.data[-1].customdata) == binned.filled
    assert set(curves_table(style, found)["group"]) == {"same confound", "different confound"}


@pytest.mark.parametrize("style", ["density", "ecdf"])
@pytest.mark.parametrize(("n_same", "n_different"), [(0, 0), (1, 0), (1, 1), (3, 0)])
def test_empty_and_equal_groups_still_give_a_figure(style: str, n_same: int, n_different: int) -> None:
    same = np.arange(n_same + n_different) < n_same
    found = Groups(np.full(len(same), 0.25), same, ~same, -1)
    drawn = group_curves(style, found, histogram(found), means=(None, None))
    assert all(np.isfinite(one.y).all() for one in drawn.data[:2])


def test_bins_are_handed_out_as_they_are_drawn() -> None:
    binned = histogram(random_groups(300))
    table = bins_table(binned)
    assert table["same_confound"].sum() == binned.same.sum()
    assert (table["to"].iloc[:-1].to_numpy() == table["from"].iloc[1:].to_numpy()).all()


# --- strip ---


def test_a_strip_is_a_sample_of_each_group_the_same_at_every_visit() -> None:
    found = random_groups(100_000, rare=0.999)
    dots, again = strip(found), strip(found)
    assert len(dots.rows) <= 2 * MOST
    assert dots.sampled
    np.testing.assert_array_equal(dots.rows, again.rows)
    np.testing.assert_array_equal(dots.y, again.y)
    assert found.same[dots.rows[dots.same]].all()
    assert found.different[dots.rows[~dots.same]].all()
    assert (~dots.same).sum() == found.different.sum(), "none of a small group is left out"
    assert (
        len(json.dumps(strip_figure(dots, histogram(found), means=(None, None)).to_plotly_json(), default=list))
        < 250_000
    )
    small = random_groups(200)
    assert not strip(small).sampled
    assert list(strip_table(strip(small), [str(row) for row in range(200)])["id"]) == [
        str(r) for r in strip(small).rows
    ]


@settings(deadline=None)
@given(st.integers(0, 100), st.floats(-0.9, 0.9), st.floats(0.01, 1.5), st.floats(-0.5, 1), st.floats(0.1, 2))
def test_a_box_holds_what_lies_between_its_sides(seed: int, x: float, wide: float, y: float, high: float) -> None:
    dots = strip(random_groups(300, seed))
    area = selected_area({"box": [{"x": [x + wide, x], "y": [y, y + high]}], "lasso": [], "points": []}, dots)
    assert area is not None
    depth = np.minimum.reduce([dots.x - x, x + wide - dots.x, dots.y - y, y + high - dots.y])  # within, if above 0
    found = set(inside(dots, area))
    assert set(dots.rows[depth > ROUNDED]) <= found <= set(dots.rows[depth > -ROUNDED])


def test_a_lasso_is_thinned_and_a_click_is_one_dot() -> None:
    dots = strip(random_groups(300))
    turn = np.linspace(0, 2 * np.pi, 500)
    area = selected_area({"lasso": [{"x": list(np.cos(turn) / 2), "y": list(np.sin(turn) / 2)}]}, dots)
    assert area is not None
    assert len(area) == CORNERS
    within = (dots.x / 0.5) ** 2 + (dots.y / 0.5) ** 2 < 0.9
    assert set(dots.rows[within]) <= set(inside(dots, area))
    row = int(dots.rows[5])
    clicked = selected_area({"points": [{"customdata": [row]}], "box": [], "lasso": []}, dots)
    assert clicked is not None
    assert row in inside(dots, clicked)
    assert selected_area({"points": [], "box": [], "lasso": []}, dots) is None


def test_an_area_survives_the_address() -> None:
    assert parse_area(format_area(SQUARE)) == SQUARE
    small = ((1.234e-5, 0.1), (2e-5, 0.1), (2e-5, 1.0))
    assert parse_area(format_area(small)) == small
    for nonsense in (None, "", "1,2", "1,2;3,4", "a,b;c,d;e,f", "1,2;3,4;5,nan", "1,2;3,4;1e999,5", "1,2;" * 900):
        assert parse_area(nonsense) is None


def test_only_a_strip_has_a_lasso() -> None:
    assert "lasso2d" in config("x", select=True)["modeBarButtonsToRemove"]
    assert "lasso2d" not in config("x", select=True, lasso=True)["modeBarButtonsToRemove"]


# --- matrix ---


def a_matrix(n: int, p: int, seed: int, cells: int = 2) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    train = pd.DataFrame({"label": rng.choice(["a", "b"], n), "confound": rng.choice(list("xyz")[:cells], n)})
    rows = np.sort(rng.choice(n, p, replace=False))
    scores = rng.normal(size=(n, p)).astype(np.float32)
    scores[rows, np.arange(p)] = 1.0
    return scores, rows, train, train.iloc[rows].reset_index(drop=True)


@settings(deadline=None)
@given(st.integers(60, 900), st.integers(1, 50), st.integers(0, 10), st.integers(1, 3))
def test_cells_of_the_matrix_are_means_without_self_pairs(n: int, p: int, seed: int, cells: int) -> None:
    scores, rows, train, probes = a_matrix(n, p, seed, cells)
    found = block_means(scores, rows, train, probes)
    values = scores.astype(float)
    values[rows, np.arange(p)] = np.nan
    for j, down in enumerate(found.rows):
        mine = (probes["label"] == down.label) & (probes["confound"] == down.confound)
        for k, across in enumerate(found.columns):
            theirs = (train["label"] == across.label) & (train["confound"] == across.confound)
            assert across.size == theirs.sum()
            part = values[np.ix_(theirs.to_numpy(), mine.to_numpy())]
            if np.isfinite(part).any():
                assert found.of_cells[j, k] == pytest.approx(np.nanmean(part), abs=1e-6)
            else:
                assert np.isnan(found.of_cells[j, k])
    assert found.values.shape[0] <= MOST_ROWS
    assert found.values.shape[1] <= MOST_COLUMNS


def test_a_large_matrix_becomes_a_small_picture_whose_rare_cells_can_be_seen() -> None:
    rng = np.random.default_rng(0)
    n, p = 50_000, 200
    label, confound = rng.choice(["a", "b"], n), np.where(rng.random(n) < 0.0005, "rare", "usual")
    train = pd.DataFrame({"label": label, "confound": confound})
    rows = np.sort(rng.choice(n, p, replace=False))
    scores = rng.normal(size=(n, p)).astype(np.float16)
    found = block_means(scores, rows, train, train.iloc[rows].reset_index(drop=True))
    assert found.values.shape[0] <= MOST_ROWS
    assert found.values.shape[1] <= MOST_COLUMNS
    rare = [span for span in found.columns if span.confound == "rare"]
    assert all(span.last - span.first + 1 == min(span.size, 12) for span in rare)
    assert sum(found.sizes) == n
    assert sorted(place for part in found.probes for place in part) == list(range(p))
    drawn = blocks_figure(found, ["<b>text</b>"] * p, pinned=7)
    assert "<b>text</b>" not in str(drawn.data[1].text)
    assert drawn.data[0].zmin == -drawn.data[0].zmax
    assert len(cells_table(found)) == len(found.rows) * len(found.columns)


def test_more_cells_than_columns_still_fit() -> None:
    n = 2000
    train = pd.DataFrame({"label": ["a"] * n, "confound": [f"c{row % 290}" for row in range(n)]})
    scores = np.zeros((n, 2))
    found = block_means(scores, np.array([0, 1]), train, train.iloc[:2].reset_index(drop=True))
    assert found.values.shape[1] <= MOST_COLUMNS
    assert len(found.columns) == 290


# --- layers ---


def layer(name: str, cid: float, within: float = 0.1) -> Layer:
    return Layer(name, cid, (cid - 0.01, cid + 0.01), within, (within - 0.01, within + 0.01))


@pytest.mark.parametrize(
    ("layers", "cid", "null", "said"),
    [
        (
            [layer("embeddings", 0.05), layer("block 4", 0.2), layer("block 5", 0.16), layer("classifier", 0.09, 0.9)],
            0.5,
            (-0.01, 0.01),
            "72 % of CID comes from blocks 4 and 5. Taken by itself, the classifier leans most (0.90).",
        ),
        (
            [layer("embeddings", -0.1), layer("block 0", 0.4, 0.5), layer("pooler", 0.1)],
            0.4,
            None,
            "100 % of CID comes from block 0. The embeddings pull the other way and take 25 % back. "
            "Taken by itself, block 0 leans most (0.50).",
        ),
        (
            [layer("block 0", -0.3, -0.4), layer("pooler", -0.1)],
            -0.4,
            (-0.1, 0.1),
            "75 % of CID comes from block 0. Taken by itself, block 0 leans most (−0.40).",
        ),
        ([layer("block 0", 0.005)], 0.005, (-0.01, 0.01), "CID is no larger than chance"),
        ([layer("block 0", 0.005)], None, None, "CID is no larger than chance"),
        ([], 0.3, None, ""),
    ],
)
def test_where_the_confound_lives_in_words(layers: list[Layer], cid: float, null: object, said: str) -> None:
    found = where_it_lives(layers, cid, null)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_layers_are_drawn_from_input_to_output_and_by_step() -> None:
    layers = (layer("embeddings", 0.1), layer("block 0", -0.3))
    course = [LayersAt(40, layers), LayersAt(80, layers[:1])]
    bars = layer_bars(layers)
    assert list(bars.data[0].x) == ["embeddings", "block 0"]
    assert list(bars.data[0].y) == [0.1, -0.3]
    assert list(layer_bars(layers, "within").data[0].y) == [0.1, 0.1]
    drawn = layer_map(course, chosen=80).data[0]
    assert list(drawn.x) == ["40", "80"]
    assert [list(row) for row in drawn.z] == [[0.1, 0.1], [-0.3, None]]
    assert drawn.zmin == -drawn.zmax
    assert len(layers_table(course)) == 3
    assert read_layers(None) == read_layers([]) == ()
