"""Can the confound be read from the embeddings once the label is known?"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from core.statistics.arrays import Floats, Ints, Texts, Values, same_length, text_array
from core.statistics.errors import StatisticsError

SHRINKAGE = 0.1


@dataclass(frozen=True)
class LabelLeakage:
    """One label: n examples, its confound values, and how well these can be told apart."""

    label: str
    n: int
    confounds: tuple[str, ...]
    balanced_accuracy: float
    shuffled: float


@dataclass(frozen=True)
class Leakage:
    """Balanced accuracy in [0, 1], mean over labels, beside the same with shuffled confounds; chance = mean of 1 / K.

    `p_value` is one-sided, (1 + #{shuffled ≥ observed}) / (1 + shuffles).
    """

    balanced_accuracy: float
    chance: float
    shuffled_mean: float
    shuffled_max: float
    p_value: float
    folds: int
    shuffles: int
    labels: tuple[LabelLeakage, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings, ready for JSON."""
        found = asdict(self)
        labels = [each | {"confounds": list(each["confounds"])} for each in found["labels"]]
        return found | {"labels": labels, "notes": list(self.notes)}


def leakage(
    embeddings: npt.NDArray[Any],
    label: Values,
    confound: Values,
    *,
    seed: int,
    folds: int = 5,
    shuffles: int = 20,
) -> Leakage:
    """A linear probe for the confound within each label, on frozen embeddings [n, d], cross-validated.

    The probe is linear discriminant analysis with equal priors, the closed form of a least-squares classifier that
    weighs every confound value alike: features standardised on the training folds, class means μ_k, and
    x ↦ argmax_k μ_k' Σ⁻¹ x − ½ μ_k' Σ⁻¹ μ_k with Σ = (1 − SHRINKAGE) · pooled within-class covariance + SHRINKAGE · I.
    Folds are stratified by confound. The control shuffles the confound within label and fold, which keeps every
    count, and repeats the whole procedure.

    A confound value with fewer examples of a label than folds is left out there and said in `notes`.
    Raises StatisticsError for columns that do not fit, embeddings that are not finite, fewer than 2 folds or 1
    shuffle, and when no label keeps two confound values. Source: Hewitt and Liang 2019 (control tasks).
    """
    y, c = text_array(label, "label"), text_array(confound, "confound")
    x = _checked(embeddings, same_length(label=y, confound=c))
    if folds < 2 or shuffles < 1:
        raise StatisticsError(f"folds = {folds} and shuffles = {shuffles}: at least 2 folds and 1 shuffle are needed.")
    rng = np.random.default_rng(seed)
    found, notes, controls, chances = [], [], [], []
    for value in np.unique(y):
        rows = np.flatnonzero(y == value)
        kept, names, said = _enough(rows, c, str(value), folds)
        notes.extend(said)
        if len(names) < 2:
            continue
        observed, shuffled = _one_label(x[kept], np.searchsorted(names, c[kept]), folds, shuffles, rng)
        controls.append(shuffled)
        chances.append(1 / len(names))
        found.append(LabelLeakage(str(value), len(kept), tuple(names.tolist()), observed, float(shuffled.mean())))
    if not found:
        raise StatisticsError(
            f"No label has two confound values with at least {folds} examples each, so leakage cannot be measured. "
            f"Use fewer folds, more examples, or merge confound values."
        )
    observed = float(np.mean([one.balanced_accuracy for one in found]))
    control = np.mean(controls, axis=0)  # [shuffles]
    return Leakage(
        balanced_accuracy=observed,
        chance=float(np.mean(chances)),
        shuffled_mean=float(control.mean()),
        shuffled_max=float(control.max()),
        p_value=(1 + int((control >= observed - 1e-12).sum())) / (1 + shuffles),
        folds=folds,
        shuffles=shuffles,
        labels=tuple(found),
        notes=tuple(notes),
    )


def _one_label(x: Floats, code: Ints, folds: int, shuffles: int, rng: np.random.Generator) -> tuple[float, Floats]:
    """Balanced accuracy out of fold, and that of each shuffle [shuffles]; x [n, d], code [n] in 0 … K − 1."""
    fold = _stratified(code, folds, rng)  # [n]
    codes = np.tile(code, (1 + shuffles, 1))  # [1 + shuffles, n]; row 0 is the truth
    for number in range(folds):
        here = fold == number
        codes[1:, here] = rng.permuted(codes[1:, here], axis=1)
    predicted = np.empty_like(codes)
    for number in range(folds):
        train = fold != number
        centre, scale = x[train].mean(0), x[train].std(0)
        z = (x - centre) / np.where(scale > 1e-12 * (1 + np.abs(centre)), scale, np.inf)  # [n, d]
        scatter = z[train].T @ z[train]  # [d, d], shared by all shuffles
        for place, each in enumerate(codes):
            predicted[place, ~train] = _discriminant(z[train], each[train], scatter, z[~train])
    accuracies = np.array([_balanced(each, guess) for each, guess in zip(codes, predicted, strict=True)])
    return float(accuracies[0]), accuracies[1:]


def _discriminant(z: Floats, code: Ints, scatter: Floats, new: Floats) -> Ints:
    """Fit on z [n, d], code [n]; predict for new [m, d]. `scatter` = z'z."""
    sizes = np.bincount(code)  # [K]
    means = (np.arange(len(sizes))[:, None] == code) @ z / sizes[:, None]  # [K, d]
    within = (scatter - (means * sizes[:, None]).T @ means) / max(len(code) - len(sizes), 1)  # [d, d]
    covariance = (1 - SHRINKAGE) * within + SHRINKAGE * np.eye(len(within))
    weights = scipy.linalg.solve(covariance, means.T, assume_a="pos")  # [d, K]
    scores = new @ weights - 0.5 * (means * weights.T).sum(1)  # [m, K]
    best: Ints = scores.argmax(1)
    return best


def _balanced(code: Ints, guess: Ints) -> float:
    right = np.bincount(code, weights=code == guess)
    return float((right / np.bincount(code)).mean())


def _stratified(code: Ints, folds: int, rng: np.random.Generator) -> Ints:
    """A fold for each example [n]: every code spread evenly, at random."""
    fold = np.empty(len(code), dtype=np.int64)
    for value in np.unique(code):
        members = rng.permutation(np.flatnonzero(code == value))
        fold[members] = np.arange(len(members)) % folds
    return fold


def _enough(rows: Ints, confound: Texts, label: str, folds: int) -> tuple[Ints, Texts, list[str]]:
    """The rows whose confound value is frequent enough, those values, and what was left out."""
    names, counts = np.unique(confound[rows], return_counts=True)
    notes = [
        f"{label} × {name} has only {count} examples, fewer than the {folds} folds; leakage leaves it out."
        for name, count in zip(names, counts, strict=True)
        if count < folds
    ]
    kept = names[counts >= folds]
    if len(kept) < 2:
        notes.append(f"Leakage leaves out the label {label}: too few confound values to tell apart.")
    return rows[np.isin(confound[rows], kept)], kept, notes


def _checked(embeddings: npt.NDArray[Any], n: int) -> Floats:
    x = np.asarray(embeddings, dtype=np.float64)
    if x.ndim != 2 or len(x) != n or x.shape[1] == 0:
        raise StatisticsError(f"Embeddings need the shape [{n}, dimensions], not {list(x.shape)}.")
    for row, dimension in np.argwhere(~np.isfinite(x))[:1]:
        raise StatisticsError(f"The embedding of example {row} is {x[row, dimension]} in dimension {dimension}.")
    return x
