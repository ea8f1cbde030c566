"""CID equals its definition, counted pair by pair; what is undefined is said and never averaged."""

import json
import resource
import time
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.statistics.bootstrap import resampled_cids
from core.statistics.cid import cid_report, layer_cid, probe_cids
from core.statistics.design import arrange
from core.statistics.errors import StatisticsError
from core.statistics.nulls import permuted_cids, two_sided_p
from tests.statistics.sets import Case, aligned_columns, case, looped_cid


def report(one, **options):
    return cid_report(one.scores, *one.columns, **{"seed": 1, "draws": 50, "bootstrap": 50} | options)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(4, 40),
    st.integers(1, 8),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from([np.float32, np.float64]),
)
def test_probe_cids_are_the_definition(seed, n, p, labels, confounds, dtype):
    rng = np.random.default_rng(seed)
    label, confound = rng.integers(labels, size=n).astype(str), rng.integers(confounds, size=n).astype(str)
    inside = rng.permutation(n)[: min(p, n)]
    row = np.where(rng.random(len(inside)) < 0.7, inside, -1)
    scores = rng.normal(size=(n, len(inside))).astype(dtype)
    columns = label, confound, label[inside], confound[inside], row
    found = probe_cids(scores, arrange(*columns))
    wanted = [np.nan if value is None else value for value in looped_cid(scores, *columns)]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_the_report_is_the_mean_over_defined_probes():
    one = case(probes=10, effect=0.4)
    found = report(one)
    wanted = looped_cid(one.scores, *one.columns)
    assert found.cid == pytest.approx(np.mean(wanted), abs=1e-12)
    assert (found.n_probes, found.n_defined, found.n_undefined) == (10, 10, 0)
    assert [probe.row for probe in found.probes] == one.row.tolist()
    for cell in found.cells:
        mine = [
            v for v, p in zip(wanted, found.probes, strict=True) if (p.label, p.confound) == (cell.label, cell.confound)
        ]
        assert cell.cid == pytest.approx(np.mean(mine), abs=1e-12)
        assert cell.n_probes == len(mine)


def test_a_self_pair_counts_nowhere():
    one = case(n=60, probes=8, effect=0.3)
    spoilt = one.scores.copy()
    spoilt[one.row, np.arange(8)] = 1e6
    assert report(Case(spoilt, one.label, one.confound, one.row)).to_dict() == report(one).to_dict()


def test_per_probe_figures_agree_with_scipy_and_with_loops():
    one = case(n=120, probes=8, effect=0.3)
    found = report(one)
    for p, probe in enumerate(found.probes):
        same = one.label == probe.label
        shared = same & (one.confound == probe.confound)
        shared[probe.row] = False
        a, b = one.scores[shared, p], one.scores[same & (one.confound != probe.confound), p]
        test = stats.ttest_ind(a, b, equal_var=False)
        assert (probe.n_a, probe.n_b) == (len(a), len(b))
        assert (probe.welch_t, probe.welch_p) == pytest.approx((test.statistic, test.pvalue), rel=1e-9)
        assert (probe.mean_a, probe.mean_b) == pytest.approx((a.mean(), b.mean()), rel=1e-12)
        assert (probe.median_a, probe.median_b) == pytest.approx((np.median(a), np.median(b)), rel=1e-12)
        pairs = [np.sign(x - y) for x in a for y in b]
        assert probe.cliffs_delta == pytest.approx(np.mean(pairs), abs=1e-12)
        steps = np.concatenate([a, b])
        assert probe.ks == pytest.approx(max(abs((a <= s).mean() - (b <= s).mean()) for s in steps), abs=1e-12)
    p_values = np.array([probe.welch_p for probe in found.probes])
    np.testing.assert_allclose([probe.q for probe in found.probes], looped_by(p_values), rtol=1e-12)


def looped_by(p_values):
    """Benjamini–Yekutieli from the definition: q_(i) = min_{j ≥ i} min(1, p_(j) · m · Σ 1/k / j)."""
    m, order = len(p_values), np.argsort(p_values)
    harmonic = sum(1 / k for k in range(1, m + 1))
    q = np.empty(m)
    for i in range(m):
        q[order[i]] = min(min(1.0, p_values[order[j]] * m * harmonic / (j + 1)) for j in range(i, m))
    return q


def test_a_label_without_counterexamples_is_counted_and_said():
    rng = np.random.default_rng(0)
    label = np.array(["a"] * 20 + ["b"] * 20)
    confound = np.array(["x"] * 20 + ["x", "y"] * 10)
    one = Case(rng.normal(size=(40, 6)), label, confound, np.array([0, 1, 20, 21, 22, 23]))
    found = report(one)
    assert (found.n_defined, found.n_undefined) == (4, 2)
    assert found.notes == (
        "CID is undefined for the 2 probes labelled a: in training this label has the x value only, so there are no "
        "counterexamples. Add some, or merge labels or confound values.",
    )
    assert found.probes[0].cid is None
    assert found.probes[0].mean_b is None
    assert found.probes[0].q is None
    assert found.cid == pytest.approx(np.mean(looped_cid(one.scores, *one.columns)[2:]))
    assert "NaN" not in json.dumps(found.to_dict(), allow_nan=False)


def test_thin_cells_are_named():
    rng = np.random.default_rng(0)
    label, confound = np.array(["a"] * 30), np.array(["x"] * 24 + ["y"] * 6)
    found = report(Case(rng.normal(size=(30, 2)), label, confound, np.array([0, 24])))
    assert found.notes == ("The cell a × y has only 6 training examples; what rests on them is uncertain.",)


def test_no_counterexamples_at_all_is_an_error_in_words():
    one = Case(np.zeros((3, 2)), np.array(["a", "a", "b"]), np.array(["x", "x", "y"]), np.array([0, 2]))
    with pytest.raises(StatisticsError, match=r"no probe has both groups.*labelled a.*the x value only"):
        report(one)


def test_a_score_that_is_no_number_is_named():
    one = case(n=60, probes=4)
    one.scores[17, 2] = np.nan
    with pytest.raises(StatisticsError, match="probe 2 and training row 17 is nan"):
        report(one)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"row": [0, 0]}, "row 0 is a probe more than once"),
        ({"row": [0, 9]}, "Probe 1 points to training row 9; rows go from 0 to 3"),
        ({"probe_confound": ["x", "x"]}, "Probe 1 is a × x, but its training row 1 is a × y"),
        ({"label": ["a", None, "a", "a"]}, "train_label is missing in row 1"),
        ({"label": ["a"] * 3}, "must be equally long: train_label has 3, train_confound has 4"),
        ({"scores": np.zeros((4, 3))}, r"shape \[4, 3\]; 4 training rows and 2 probes need \[4, 2\]"),
    ],
)
def test_columns_that_do_not_fit_are_refused(change, sentence):
    given_ = {
        "scores": np.zeros((4, 2)),
        "label": ["a"] * 4,
        "confound": ["x", "y"] * 2,
        "probe_label": ["a", "a"],
        "probe_confound": ["x", "y"],
        "row": [0, 1],
    } | change
    with pytest.raises(StatisticsError, match=sentence):
        cid_report(*given_.values(), seed=1, draws=5, bootstrap=5)


def test_the_same_seed_gives_the_same_report_and_another_does_not():
    one = case()
    assert report(one).to_dict() == report(one).to_dict()
    assert report(one).null != report(one, seed=2).null


def test_null_draws_are_the_restricted_permutations_and_nothing_else():
    """Every draw is the CID of one arrangement with confounds exchanged among probes and among other rows."""
    rng = np.random.default_rng(3)
    confound = np.array(["x", "y", "y", "z", "x", "y"])
    row, scores = np.array([0, 1, 2]), rng.normal(size=(6, 3))
    label = np.array(["a"] * 6)
    possible = []
    for among_probes in permutations(range(3)):
        for among_rows in permutations(range(3, 6)):
            moved = confound[[*among_probes, *among_rows]]
            values = looped_cid(scores, label, moved, label[row], moved[row], row)
            possible.append(np.mean([value for value in values if value is not None]))
    draws = permuted_cids(scores, arrange(label, confound, label[row], confound[row], row), draws=6000, rng=rng)
    distance = np.abs(draws[:, None] - np.array(possible))
    assert distance.min(1).max() < 1e-12, "a draw is none of the possible arrangements"
    distinct = np.unique(np.round(possible, 9), return_counts=True)
    seen = np.array([(np.abs(draws - value) < 1e-8).sum() for value in distinct[0]])
    expected = distinct[1] / distinct[1].sum() * len(draws)
    assert stats.chisquare(seen, expected).pvalue > 1e-3, "arrangements are not equally likely"


def test_held_out_probes_are_exchanged_among_themselves():
    rng = np.random.default_rng(4)
    label, confound = np.array(["a"] * 4), np.array(["x", "x", "y", "y"])
    scores, y, c, row = rng.normal(size=(4, 2)), np.array(["a", "a"]), np.array(["x", "y"]), np.array([-1, -1])
    possible = set()
    for order in permutations(range(4)):
        for swap in ([0, 1], [1, 0]):
            possible.add(round(float(np.mean(looped_cid(scores, label, confound[list(order)], y, c[swap], row))), 9))
    draws = permuted_cids(scores, arrange(label, confound, y, c, row), draws=500, rng=rng)
    assert set(np.round(draws, 9).tolist()) == possible


def test_held_out_probes_are_never_exchanged_with_training_rows():
    """The held-out probe's value z occurs nowhere in training: a permutation that mixed them would move it there."""
    rng = np.random.default_rng(5)
    label, confound = np.array(["a"] * 5), np.array(["x", "y", "x", "y", "y"])
    y, c, row = np.array(["a", "a", "a"]), np.array(["x", "y", "z"]), np.array([0, 1, -1])
    scores, possible = rng.normal(size=(5, 3)), set()
    for swap in ([0, 1], [1, 0]):
        for order in permutations(range(2, 5)):
            moved = confound[[*swap, *order]]
            values = looped_cid(scores, label, moved, y, [*moved[:2], "z"], row)
            possible.add(round(float(np.mean([value for value in values if value is not None])), 9))
    draws = permuted_cids(scores, arrange(label, confound, y, c, row), draws=500, rng=rng)
    assert set(np.round(draws, 9).tolist()) == possible


def test_p_value_counts_the_observed_arrangement():
    null = np.array([-2.0, -1.0, 0.0, 1.0])
    assert two_sided_p(5.0, null) == 2 * 1 / 5
    assert two_sided_p(1.0, null) == 2 * 2 / 5
    assert two_sided_p(-2.0, null) == 2 * 2 / 5
    assert two_sided_p(0.0, null) == 1.0


def test_p_value_is_uniform_when_the_confound_plays_no_part():
    """Probes chosen by their confound, scores full of row, probe and similarity effects: p stays uniform."""
    p_values = []
    for seed in range(400):
        one = case(n=80, probes=8, seed=seed)
        design = arrange(*one.columns)
        null = permuted_cids(one.scores, design, draws=199, rng=np.random.default_rng(seed))
        p_values.append(two_sided_p(float(probe_cids(one.scores, design).mean()), null))
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_a_real_effect_is_found():
    found = report(case(n=400, probes=16, effect=0.8), draws=200, bootstrap=200)
    assert found.p_value == pytest.approx(2 / 201)
    assert found.ci[0] < found.cid < found.ci[1]
    assert found.cid > found.null[1]


def test_bootstrap_of_scores_that_are_constant_within_cells_is_the_cid():
    """Nothing varies within cells, so resampling must change nothing: any slip in sums or sizes would show."""
    rng = np.random.default_rng(0)
    label, confound = aligned_columns(150, rng, confounds=("x", "y", "z"))
    row = np.sort(rng.permutation(150)[:14])
    design = arrange(label, confound, label[row], confound[row], row)
    cell = np.unique([f"{y}{c}" for y, c in zip(label, confound, strict=True)], return_inverse=True)[1]
    scores = rng.normal(size=(cell.max() + 1, cell.max() + 1))[cell][:, cell[row]]
    draws = resampled_cids(scores, design, draws=40, rng=rng)
    cids = probe_cids(scores, design)
    sizes = {value: (cell[row] == value).sum() for value in cell[row]}
    assert len(sizes) > 3
    np.testing.assert_allclose(draws, np.nanmean(cids), atol=1e-12)


def test_bootstrap_variance_of_the_probe_side_is_that_of_a_stratified_mean():
    """CIDs that differ only between probes: variance = Σ_cells (n_h / P)² s²_h / n_h, with the unbiased s²."""
    label, confound = np.array(["a"] * 40), np.array(["x", "y"] * 20)
    y, c, row = np.array(["a"] * 6), np.array(["x"] * 3 + ["y"] * 3), np.full(6, -1)
    own = np.array([0.1, 0.5, 0.2, 0.9, 0.3, 0.4])
    scores = own * (confound[:, None] == c)
    draws = resampled_cids(scores, arrange(label, confound, y, c, row), draws=40_000, rng=np.random.default_rng(0))
    wanted = sum(0.5**2 * own[part].var(ddof=1) / 3 for part in (slice(0, 3), slice(3, 6)))
    assert draws.var() == pytest.approx(wanted, rel=0.03)


def test_bootstrap_interval_covers_the_truth_in_a_two_way_random_effects_model(capsys):
    """score = row effect (by the probe's confound) + probe effect + (β + probe's own) · shared + noise."""
    truth, inside, runs = 0.3, 0, 400
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        label, confound = aligned_columns(160, rng)
        y, c = np.repeat(["long", "short"], 16), np.tile(["neg", "pos"], 16)
        shared = (label[:, None] == y) & (confound[:, None] == c)
        scores = np.where(c == "neg", *rng.normal(size=(2, 160, 1)))
        scores = scores + rng.normal(size=32) + rng.normal(size=(160, 32))
        scores += (truth + rng.normal(size=32)) * shared
        draws = resampled_cids(scores, arrange(label, confound, y, c, np.full(32, -1)), draws=400, rng=rng)
        low, high = np.quantile(draws, [0.025, 0.975])
        inside += low <= truth <= high
    with capsys.disabled():
        print(f"\ntwo-way bootstrap: coverage {inside / runs:.3f} of nominal 0.95 in {runs} runs")
    assert 0.92 <= inside / runs <= 0.985


def test_layers_add_up():
    one = case(n=60, probes=6)
    layers = np.stack([one.scores * share for share in (0.2, 0.3, 0.5)])
    found = layer_cid(layers, *one.columns)
    assert found.shape == (3, 6)
    np.testing.assert_allclose(found.sum(0), probe_cids(one.scores, arrange(*one.columns)), atol=1e-12)
    with pytest.raises(StatisticsError, match="need the shape"):
        layer_cid(one.scores, *one.columns)


def test_ten_thousand_rows_and_forty_probes_take_seconds():
    rng = np.random.default_rng(0)
    one = case(n=10_000, probes=40)
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cid_report(rng.normal(size=(10_000, 40)).astype(np.float32), *one.columns, seed=1)
    assert time.process_time() - started < 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000
