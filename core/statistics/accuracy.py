"""How right a model is, cell by cell, beside the floor that the confound alone would reach."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.statistics.arrays import Bools, Floats, Texts, Values, number, same_length, text_array
from core.statistics.association import cochran_mantel_haenszel
from core.statistics.errors import StatisticsError
from core.statistics.intervals import difference, wilson

ECE_BINS = 15


def accuracy_report(
    label: Values,
    confound: Values,
    predicted: Values,
    probabilities: npt.NDArray[Any] | None = None,
    labels: Sequence[str] | None = None,
    *,
    aligned: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Everything about one split's predictions, as a dict ready for JSON (None for what is undefined).

    label, confound, predicted: [n] str. probabilities: [n, len(labels)], columns in the order of `labels`.
    aligned: confound value → the label it goes with in *training* (`aligned_labels` of the training columns); without
    it the association within this split is used, which for a balanced test split is none, and the gap is None.

    Keys: n, accuracy with lo, hi (Wilson, 95 %); balanced_accuracy (mean recall over the labels that occur); cells
    (label, confound, n, accuracy, lo, hi); worst_cell (lowest accuracy of a cell), worst_cell_name, worst_cell_n;
    confound_only_floor; gap = majority_accuracy − minority_accuracy with gap_lo, gap_hi (Newcombe), aligned; ece with
    the ece of every cell; cmh (prediction against confound, given the label).

    Raises StatisticsError for columns that do not fit, missing values and probabilities that are none.
    """
    y, c = text_array(label, "label"), text_array(confound, "confound")
    predictions = text_array(predicted, "predicted")
    n = same_length(label=y, confound=c, predicted=predictions)
    right = y == predictions  # [n]
    confidence = None if probabilities is None else _confidence(probabilities, labels, predictions)  # [n]
    cells = _cells(y, c, right, confidence)
    worst = min(cells, key=lambda cell: (cell["accuracy"], cell["n"]))
    low, high = wilson(int(right.sum()), n)
    return {
        "n": n,
        "accuracy": float(right.mean()),
        "lo": low,
        "hi": high,
        "balanced_accuracy": balanced_accuracy(y, predictions),
        "worst_cell": worst["accuracy"],
        "worst_cell_name": f"{worst['label']} × {worst['confound']}",
        "worst_cell_n": worst["n"],
        "cells": cells,
        "confound_only_floor": confound_only_floor(y, c),
        **_gap(y, c, right, aligned_labels(y, c) if aligned is None else aligned),
        "ece": None if confidence is None else expected_calibration_error(confidence, right),
        "cmh": cochran_mantel_haenszel(predictions, c, y),
    }


def balanced_accuracy(label: Texts, predicted: Texts) -> float:
    """Mean over the labels that occur of the share of their examples predicted right."""
    return float(np.mean([(predicted[label == value] == value).mean() for value in np.unique(label)]))


def confound_only_floor(label: Texts, confound: Texts) -> float:
    """Best accuracy from the confound alone: Σ_c max_y n(y, c) / n. No model that ignores the text can beat it."""
    best = 0
    for value in np.unique(confound):
        best += int(np.unique(label[confound == value], return_counts=True)[1].max())
    return best / len(label)


def aligned_labels(label: Values, confound: Values) -> dict[str, str]:
    """Confound value → the label that it goes with: argmax_y P(confound | y). A value without a single best is left
    out, so that a balanced table aligns nothing.
    """
    y, c = text_array(label, "label"), text_array(confound, "confound")
    same_length(label=y, confound=c)
    values = np.unique(y)
    found = {}
    for value in np.unique(c):
        share = np.array([(c[y == one] == value).mean() for one in values])  # [labels]
        if (share >= share.max() - 1e-12).sum() == 1:
            found[str(value)] = str(values[share.argmax()])
    return found


def expected_calibration_error(confidence: Floats, right: Bools, bins: int = ECE_BINS) -> float:
    """ECE = Σ_bins (n_bin / n) |accuracy − mean confidence|, equal-width bins (lo, hi] over [0, 1]; Guo et al. 2017."""
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # [n]
    gap = np.bincount(place, weights=right - confidence, minlength=bins)  # n_bin · (accuracy − confidence)
    return float(np.abs(gap).sum() / len(confidence))


def _cells(y: Texts, c: Texts, right: Bools, confidence: Floats | None) -> list[dict[str, Any]]:
    cells = []
    for label in np.unique(y):
        for confound in np.unique(c[y == label]):
            here = (y == label) & (c == confound)
            n, k = int(here.sum()), int(right[here].sum())
            low, high = wilson(k, n)
            cell = {"label": str(label), "confound": str(confound), "n": n, "accuracy": k / n, "lo": low, "hi": high}
            cell["ece"] = None if confidence is None else expected_calibration_error(confidence[here], right[here])
            cells.append(cell)
    return cells


def _gap(y: Texts, c: Texts, right: Bools, aligned: Mapping[str, str]) -> dict[str, Any]:
    """Accuracy where the confound goes with the label, less accuracy where it does not."""
    known = np.isin(c, list(aligned))
    goes_with = np.array([aligned.get(str(value), "") for value in c]) == y
    majority, minority = right[known & goes_with], right[known & ~goes_with]
    found: dict[str, Any] = {
        "aligned": dict(aligned),
        "majority_n": len(majority),
        "minority_n": len(minority),
        "majority_accuracy": number(majority.mean()) if len(majority) else None,
        "minority_accuracy": number(minority.mean()) if len(minority) else None,
        "gap": None,
        "gap_lo": None,
        "gap_hi": None,
    }
    if len(majority) and len(minority):
        a, b = float(majority.mean()), float(minority.mean())
        intervals = (wilson(int(group.sum()), len(group)) for group in (majority, minority))
        low, high = difference(a, next(intervals), b, next(intervals))
        found |= {"gap": a - b, "gap_lo": low, "gap_hi": high}
    return found


def _confidence(probabilities: npt.NDArray[Any], labels: Sequence[str] | None, predicted: Texts) -> Floats:
    """The probability that the model gave to what it predicted [n]."""
    matrix = np.asarray(probabilities, dtype=np.float64)
    if labels is None:
        raise StatisticsError("Probabilities need `labels`, the order of their columns.")
    if matrix.shape != (len(predicted), len(labels)):
        raise StatisticsError(
            f"Probabilities have shape {list(matrix.shape)}; {len(predicted)} examples and {len(labels)} labels need "
            f"{[len(predicted), len(labels)]}."
        )
    bad = ~np.isfinite(matrix) | (matrix < 0) | (matrix > 1 + 1e-6)
    for row, column in np.argwhere(bad)[:1]:
        raise StatisticsError(f"The probability of {labels[column]} in row {row} is {matrix[row, column]}.")
    place = {str(name): column for column, name in enumerate(labels)}
    for value in np.unique(predicted):
        if str(value) not in place:
            raise StatisticsError(f"{value} was predicted, but it is not among the labels {', '.join(place)}.")
    columns = np.array([place[str(value)] for value in predicted])
    confidence: Floats = np.minimum(matrix[np.arange(len(predicted)), columns], 1.0)
    return confidence
