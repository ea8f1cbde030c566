"""CID of a single text: with all rows that of a probe with the same scores, and about that with a sample of them."""

import numpy as np
import pytest

from core.statistics.cid import cid_report
from core.statistics.one_text import text_cid
from core.statistics.sampled import sample_cells


def training(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label, confound = rng.choice(["x", "y"], n), rng.choice(["p", "q", "r"], n, p=[0.6, 0.3, 0.1])
    return label, confound, rng.normal(0.1 + 0.3 * (confound == "p"), 0.2)


@pytest.mark.parametrize("row", [-1, 0, 17])
def test_with_every_row_it_is_the_probes_cid(row: int) -> None:
    label, confound, scores = training()
    mine = (label[row], confound[row]) if row >= 0 else ("x", "p")
    sample = sample_cells(label, confound, per_cell=len(label), seed=1)
    found = text_cid(scores[sample.rows], sample, *mine, row=row, seed=3)
    report = cid_report(scores[:, None], label, confound, [mine[0]], [mine[1]], [row], seed=3)
    (probe,) = report.probes
    assert found.cid == pytest.approx(probe.cid)
    assert (found.n_a, found.n_b) == (probe.n_a, probe.n_b)
    assert found.hedges_g == pytest.approx(probe.hedges_g)
    assert found.ci == pytest.approx(report.ci, abs=0.01)


def test_a_sample_estimates_it_and_its_interval_holds_it() -> None:
    label, confound, scores = training(3000)
    whole = sample_cells(label, confound, per_cell=3000, seed=0)
    truth = text_cid(scores[whole.rows], whole, "x", "q").cid
    held = 0
    for seed in range(40):
        sample = sample_cells(label, confound, per_cell=40, seed=seed)
        found = text_cid(scores[sample.rows], sample, "x", "q", seed=seed)
        assert found.ci is not None
        held += found.ci[0] <= truth <= found.ci[1]
    assert held >= 34  # 95 % of 40 is 38


def test_an_empty_group_has_no_cid() -> None:
    label, confound, scores = training()
    sample = sample_cells(label, confound, per_cell=600, seed=0)
    found = text_cid(scores[sample.rows], sample, "x", "unseen")
    assert (found.cid, found.ci, found.n_a) == (None, None, 0)
    assert found.n_b > 0
