"""Does the prediction go with the confound once the label is known?"""

from typing import Any

import numpy as np
import scipy

from core.statistics.arrays import Floats, Texts, number


def cochran_mantel_haenszel(first: Texts, second: Texts, stratum: Texts) -> dict[str, Any] | None:
    """Generalised Cochran–Mantel–Haenszel test of association between `first` and `second` given `stratum`, all [n].

    With n_k the I × J table of stratum k without its last row and column, and E_k, V_k its mean and covariance with
    the margins fixed (multivariate hypergeometric), the statistic is d' V⁻¹ d, d = Σ (n_k − E_k), V = Σ V_k, referred
    to χ² with rank(V) degrees of freedom; no continuity correction. For 2 × 2 tables the common odds ratio of Mantel
    and Haenszel comes along: rows and columns in sorted order, above 1 when the first values go together.
    Source: Landis, Heyman and Koch 1978; Mantel and Haenszel 1959.

    Returns statistic, df, p_value, odds_ratio; None when one of the variables has a single value or no stratum lets
    both vary.
    """
    rows, row = np.unique(first, return_inverse=True)
    columns, column = np.unique(second, return_inverse=True)
    if len(rows) < 2 or len(columns) < 2:
        return None
    shape = len(rows), len(columns)
    size = (shape[0] - 1) * (shape[1] - 1)
    deviation, covariance = np.zeros(size), np.zeros((size, size))
    above = below = 0.0
    for value in np.unique(stratum):
        here = stratum == value
        table = np.bincount(row[here] * shape[1] + column[here], minlength=shape[0] * shape[1]).reshape(shape)
        n = int(table.sum())
        if n < 2:
            continue
        margin, other = table.sum(1), table.sum(0)
        expected = np.outer(margin, other) / n
        deviation += (table - expected)[:-1, :-1].ravel()
        covariance += np.kron(_spread(margin, n), _spread(other, n)) / (n - 1)
        above += table[0, 0] * table[-1, -1] / n
        below += table[0, -1] * table[-1, 0] / n
    df = int(np.linalg.matrix_rank(covariance))
    if df == 0:
        return None
    statistic = float(deviation @ np.linalg.pinv(covariance, hermitian=True) @ deviation)
    ratio = above / below if shape == (2, 2) and below > 0 else None
    return {
        "statistic": statistic,
        "df": df,
        "p_value": float(scipy.special.chdtrc(df, statistic)),
        "odds_ratio": number(ratio),
    }


def _spread(margin: Any, n: int) -> Floats:
    """n diag(π) − n π π' of a margin, without its last value: [I − 1, I − 1]."""
    kept = margin[:-1].astype(np.float64)
    spread: Floats = np.diag(kept) - np.outer(kept, kept) / n
    return spread
