"""What a data set looks like before anything is trained on it: cells, alignment, floors, duplicates, lengths."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import scipy

from core.datasets.fold import folded
from core.datasets.mapping import SPLITS
from core.datasets.warn import sentences

_BINS = 30


def profile(frame: pd.DataFrame) -> dict[str, Any]:
    """JSON-able description of a prepared frame (`prepare.COLUMNS`).

    {"splits": {split: {"n", "labels": {label: n}, "confounds": {confound: n}, "cells": [{"label", "confound", "n"}],
    "cramers_v": float | None, "confound_only_floor": float, "lengths": {"words" | "characters": {"min", "median",
    "p95", "max", "histogram": {"edges", "counts"}}}}},
    "duplicates": {"within": {split: rows}, "across": [{"first", "second", "rows"}],
    "conflicting": {"texts", "rows", "examples": [{"text", "labels"}]}},
    "warnings": [{"code", "sentence"}]}.

    `cells` holds every label × confound pair of the data set, empty ones with n = 0. Histogram edges are shared by all
    splits; bin i counts edges[i] ≤ x < edges[i + 1], the last bin its right edge too.
    """
    labels, confounds = sorted(frame["label"].unique()), sorted(frame["confound"].unique())
    lengths = {"words": frame["text"].str.split().str.len(), "characters": frame["text"].str.len()}
    edges = {unit: _edges(values.to_numpy()) for unit, values in lengths.items()}
    splits: dict[str, Any] = {}
    for split in SPLITS:
        rows = frame["split"] == split
        if not rows.any():
            continue
        table = pd.crosstab(frame.loc[rows, "label"], frame.loc[rows, "confound"])
        table = table.reindex(index=labels, columns=confounds, fill_value=0)
        splits[split] = {
            "n": int(rows.sum()),
            "labels": {str(label): int(n) for label, n in table.sum(axis=1).items()},
            "confounds": {str(confound): int(n) for confound, n in table.sum(axis=0).items()},
            "cells": [
                {"label": label, "confound": confound, "n": int(table.loc[label, confound])}
                for label in labels
                for confound in confounds
            ],
            "cramers_v": cramers_v(table.to_numpy()),
            "confound_only_floor": confound_only_floor(table.to_numpy()),
            "lengths": {unit: _lengths(values[rows].to_numpy(), edges[unit]) for unit, values in lengths.items()},
        }
    found: dict[str, Any] = {"splits": splits, "duplicates": duplicates(frame)}
    return {**found, "warnings": sentences(found)}


def cramers_v(table: np.ndarray) -> float | None:
    """Cramér's V of counts [labels, confounds], 0 = independent … 1 = one fixes the other; None with one value of either.

    Rows and columns without any count are left out. Cramér 1946; `scipy.stats.contingency.association`.
    """
    kept = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    return float(scipy.stats.contingency.association(kept, method="cramer")) if min(kept.shape) > 1 else None


def confound_only_floor(table: np.ndarray) -> float:
    """Σ_c max_y n(y, c) / n for counts n [labels, confounds]: the best accuracy that the confound alone can reach."""
    return float(table.max(axis=0).sum() / table.sum())


def duplicates(frame: pd.DataFrame) -> dict[str, Any]:
    """Texts that occur again, equal up to white space (`fold.folded`).

    `within`: rows that repeat an earlier row of their split. `across`: rows of the second split whose text the first
    one has too. `conflicting`: texts that stand under more than one label.
    """
    text = folded(frame)
    codes = pd.Series(pd.factorize(text)[0], index=frame.index)
    by_split = {split: codes[frame["split"] == split] for split in SPLITS}
    by_split = {split: values for split, values in by_split.items() if len(values)}
    pairs = pd.DataFrame({"code": codes, "label": frame["label"]})
    labels_of = pairs.drop_duplicates().groupby("code")["label"].size()
    torn = labels_of.index[labels_of > 1]
    examples = []
    for code in torn[:5]:
        rows = pairs["code"] == code
        shown = text[rows].iloc[0].replace("\x1f", " / ")
        examples.append({"text": shown[:160], "labels": sorted(pairs.loc[rows, "label"].unique())})
    return {
        "within": {split: int(values.duplicated().sum()) for split, values in by_split.items()},
        "across": [
            {"first": first, "second": second, "rows": int(by_split[second].isin(by_split[first]).sum())}
            for first, second in combinations(by_split, 2)
        ],
        "conflicting": {"texts": len(torn), "rows": int(codes.isin(torn).sum()), "examples": examples},
    }


def _edges(values: np.ndarray) -> np.ndarray:
    """At most `_BINS` bins of equal whole-number width from the smallest value on."""
    low, high = int(values.min()), int(values.max())
    width = max(1, -(-(high - low + 1) // _BINS))
    return np.arange(low, high + width + 1, width)


def _lengths(values: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
    counts, _ = np.histogram(values, bins=edges)
    return {
        "min": int(values.min()),
        "median": float(np.median(values)),
        "p95": float(np.percentile(values, 95)),
        "max": int(values.max()),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }
