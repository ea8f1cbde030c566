"""One probe: how its two groups of training examples differ."""

from dataclasses import dataclass

import numpy as np
import scipy

from core.statistics.arrays import Floats
from core.statistics.effects import cliffs_delta, hedges_g


@dataclass(frozen=True)
class ProbeCid:
    """A probe's CID and its tests; None where a figure is undefined.

    A: training examples of the probe's label and confound, without the probe itself. B: same label, any other
    confound value, each example counting once. `cid` = mean_a − mean_b. `welch_p` is two-sided; `q` is
    Benjamini–Yekutieli over all probes. `hedges_g` in standard deviations, `cliffs_delta` and `ks` in [−1, 1], [0, 1].
    """

    index: int
    row: int | None
    label: str
    confound: str
    n_a: int
    n_b: int
    cid: float | None
    mean_a: float | None
    mean_b: float | None
    median_a: float | None
    median_b: float | None
    welch_t: float | None
    welch_p: float | None
    q: float | None
    hedges_g: float | None
    cliffs_delta: float | None
    ks: float | None


@dataclass(frozen=True)
class Contrast:
    """What `contrast` works out from two groups of scores; see ProbeCid."""

    mean_a: float | None
    mean_b: float | None
    median_a: float | None
    median_b: float | None
    welch_t: float | None
    welch_p: float | None
    hedges_g: float | None
    cliffs_delta: float | None
    ks: float | None


def contrast(a: Floats, b: Floats) -> Contrast:
    """Means, medians, Welch's t, Hedges' g, Cliff's δ and the Kolmogorov–Smirnov distance of `a` [n_a], `b` [n_b].

    Welch's t treats training examples as independent: it describes one probe and is no evidence over probes, which
    share their training rows. Without two values in each group, or without any spread, t and g are None.
    """
    both = len(a) > 0 and len(b) > 0
    g = hedges_g(a, b)
    test = scipy.stats.ttest_ind(a, b, equal_var=False) if g is not None else None
    return Contrast(
        mean_a=float(a.mean()) if len(a) else None,
        mean_b=float(b.mean()) if len(b) else None,
        median_a=float(np.median(a)) if len(a) else None,
        median_b=float(np.median(b)) if len(b) else None,
        welch_t=float(test.statistic) if test is not None else None,
        welch_p=float(test.pvalue) if test is not None else None,
        hedges_g=g,
        cliffs_delta=cliffs_delta(a, b),
        ks=float(scipy.stats.ks_2samp(a, b, method="asymp").statistic) if both else None,
    )
