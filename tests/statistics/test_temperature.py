"""Temperature scaling against first principles: it may change confidence, never a decision, and never for the worse."""

import numpy as np
import pytest

from core.statistics.errors import StatisticsError
from core.statistics.temperature import HIGHEST, LOWEST, calibrate, scaled

LABELS = ["a", "b", "c"]


def drawn(n: int, sharpness: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [n, 3], and labels drawn from the probabilities that the same logits have at temperature `sharpness`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n, 3))
    honest = np.exp(logits / sharpness)
    honest /= honest.sum(axis=1, keepdims=True)
    label = np.array([rng.choice(LABELS, p=row) for row in honest])
    told = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return told, label


@pytest.mark.parametrize("sharpness", [0.6, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_with_is_found(sharpness: float) -> None:
    told, label = drawn(4000, sharpness)
    found = calibrate(told, LABELS, label)
    assert found.temperature == pytest.approx(sharpness, rel=0.1)
    assert found.nll_after <= found.nll_before
    assert found.ece_after < 0.03
    right = np.array([LABELS.index(one) for one in label])
    by_hand = -np.log(scaled(told, found.temperature)[np.arange(len(right)), right]).mean()
    assert found.nll_after == pytest.approx(by_hand)


def test_no_decision_changes_and_probabilities_stay_probabilities() -> None:
    told, _ = drawn(200, 1.0)
    told[0] = [1.0, 0.0, 0.0]  # a stored zero
    for temperature in (LOWEST, 1.0, HIGHEST):
        after = scaled(told, temperature)
        assert (after.argmax(axis=1) == told.argmax(axis=1)).all()
        np.testing.assert_allclose(after.sum(axis=1), 1)
    np.testing.assert_allclose(scaled(told, 1.0)[1:], told[1:], atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_it_is_never_worse_on_what_it_was_fitted_to(seed: int) -> None:
    rng = np.random.default_rng(seed)
    told = rng.dirichlet(np.full(3, 0.2), 40)
    found = calibrate(told, LABELS, rng.choice(LABELS, 40))
    assert found.nll_after <= found.nll_before
    assert LOWEST <= found.temperature <= HIGHEST


def test_where_nothing_can_be_known_it_says_so() -> None:
    told, label = drawn(300, 1.0)
    with pytest.raises(StatisticsError, match="only 10 examples"):
        calibrate(told[:10], LABELS, label[:10])
    with pytest.raises(StatisticsError, match="only 0 of 300 of them wrong"):
        calibrate(told, LABELS, np.array(LABELS)[told.argmax(axis=1)])
