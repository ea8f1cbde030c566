"""Temperature scaling: one number that makes a model's confidence agree with how often it is right."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from core.statistics.accuracy import expected_calibration_error
from core.statistics.arrays import Floats, Ints, Values, text_array
from core.statistics.errors import StatisticsError

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures beyond these change no decision and only print more nines, or more of 1 / C."""

LEAST_EXAMPLES, LEAST_WRONG = 20, 3
_FOLDS = 5
_TINY = 1e-300


@dataclass(frozen=True)
class Calibration:
    """A temperature, and what it was fitted on.

    n, wrong: examples, and those of them that the model gets wrong. nll_before, nll_after: mean negative log-likelihood
    of the right label on these examples. ece_before, ece_after: expected calibration error; the second is cross-fitted,
    that is, every example's confidence comes from a temperature that was fitted to the other four fifths.
    """

    temperature: float
    n: int
    wrong: int
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def calibrate(probabilities: npt.NDArray[Any], labels: Sequence[str], label: Values, *, seed: int = 0) -> Calibration:
    """Fit T in softmax(log p / T) to held-out examples by their likelihood; the decision of none of them changes.

    log p equals the logits up to a constant of each row, which softmax takes out, so stored probabilities will do.

    Args:
        probabilities: [n, C], columns in the order of `labels`.
        label: the right label of each example [n].
        seed: of the folds that ECE after calibration is taken over.

    Raises:
        StatisticsError: too few examples, or too few wrong ones to say how wrong confidence is; the message says why.

    Source: Guo et al. 2017, *On Calibration of Modern Neural Networks*.
    """
    names = text_array(label, "label")
    known = {name: place for place, name in enumerate(labels)}
    right = np.array([known[name] for name in names.tolist()], dtype=np.int64)  # [n]
    logs = _logs(probabilities)  # [n, C]
    wrong = int((logs.argmax(axis=1) != right).sum())
    if len(right) < LEAST_EXAMPLES:
        raise StatisticsError(f"there are only {len(right)} examples to calibrate on; {LEAST_EXAMPLES} are needed")
    if wrong < LEAST_WRONG:
        raise StatisticsError(
            f"the model gets only {wrong} of {len(right):,} of them wrong, so nothing shows how sure it may be"
        )
    temperature = _fit(logs, right)
    crossed = np.empty_like(logs)
    fold = np.random.default_rng(seed).permutation(len(right)) % _FOLDS  # [n]
    for number in range(_FOLDS):
        here = fold == number
        crossed[here] = scaled(np.exp(logs[here]), _fit(logs[~here], right[~here]))
    return Calibration(
        temperature=temperature,
        n=len(right),
        wrong=wrong,
        nll_before=_nll(logs, right, 1.0),
        nll_after=_nll(logs, right, temperature),
        ece_before=_ece(np.exp(logs), right),
        ece_after=_ece(crossed, right),
    )


def scaled(probabilities: npt.NDArray[Any], temperature: float) -> Floats:
    """softmax(log p / T) of probabilities [n, C]."""
    found: Floats = np.exp(_log_softmax(_logs(probabilities) / temperature))
    return found


def _logs(probabilities: npt.NDArray[Any]) -> Floats:
    found: Floats = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), _TINY))
    return found


def _log_softmax(values: Floats) -> Floats:
    shifted = values - values.max(axis=1, keepdims=True)
    found: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def _nll(logs: Floats, right: Ints, temperature: float) -> float:
    return float(-_log_softmax(logs / temperature)[np.arange(len(right)), right].mean())


def _fit(logs: Floats, right: Ints) -> float:
    """The likelihood is concave in 1 / T, so the one best T within the bounds is found; T = 1 is never beaten by a worse."""
    found = scipy.optimize.minimize_scalar(
        lambda inverse: _nll(logs, right, 1 / inverse), bounds=(1 / HIGHEST, 1 / LOWEST), method="bounded"
    )
    temperature = 1 / float(found.x)
    return temperature if _nll(logs, right, temperature) <= _nll(logs, right, 1.0) else 1.0


def _ece(probabilities: Floats, right: Ints) -> float:
    confidence = np.minimum(probabilities.max(axis=1), 1.0)  # [n]
    return expected_calibration_error(confidence, probabilities.argmax(axis=1) == right)
