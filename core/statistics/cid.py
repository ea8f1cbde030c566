"""CID: does sharing a probe's confound raise a training example's influence on it?"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from core.statistics.arrays import Floats, Ints, Values
from core.statistics.bootstrap import resampled_cids
from core.statistics.design import Design, arrange, check_scores
from core.statistics.errors import StatisticsError
from core.statistics.intervals import Interval
from core.statistics.nulls import permuted_cids, two_sided_p
from core.statistics.probes import ProbeCid, contrast

METHODS = {
    "ci": "two-way bootstrap over probes and training rows within cells, 95 % percentile interval",
    "null": "permutation of the confound within label, 2.5–97.5 % band",
    "p_value": "two-sided permutation p-value with +1 correction",
    "welch_p": "Welch's t-test of A against B, two-sided",
    "q": "Benjamini–Yekutieli over probes",
}


@dataclass(frozen=True)
class CidCell:
    """One label × confound cell: its training rows, its probes, and the mean CID of those that have one."""

    label: str
    confound: str
    n_train: int
    n_probes: int
    cid: float | None


@dataclass(frozen=True)
class CidReport:
    """Mean CID with its uncertainty, and every probe. Units: those of the scores (cosines: −2 … 2)."""

    cid: float
    ci: Interval
    null: Interval
    p_value: float
    n_probes: int
    n_defined: int
    n_undefined: int
    draws: int
    bootstrap: int
    seed: int
    cells: tuple[CidCell, ...]
    notes: tuple[str, ...]
    probes: tuple[ProbeCid, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers, strings and None, ready for JSON; `methods` names the tests."""
        found = asdict(self)
        found |= {"ci": list(self.ci), "null": list(self.null), "methods": METHODS}
        return found | {name: list(found[name]) for name in ("cells", "notes", "probes")}


def cid_report(
    scores: npt.NDArray[Any],
    train_label: Values,
    train_confound: Values,
    probe_label: Values,
    probe_confound: Values,
    probe_row: Values,
    *,
    seed: int,
    draws: int = 2000,
    bootstrap: int = 2000,
) -> CidReport:
    """CID of P probes against N training rows, from their influence scores [N, P].

    CID(probe) = mean of scores over A − mean over B, where A has the probe's label and confound (never the probe
    itself: `probe_row` [P] is its place in the training set, −1 if it is held out) and B the probe's label and any
    other confound value. Each example of B counts once; with several values the larger ones weigh more.
    CID = mean over the probes whose A and B are not empty; the others are counted in `n_undefined`.

    Interval: `bootstrap.resampled_cids`. Null and p-value: `nulls.permuted_cids`. Probes share training rows, so
    there is no t-test over probes. The same seed gives the same report.

    Raises StatisticsError for columns that do not fit, a score that is not finite (naming probe and row), fewer than
    2 draws, and when no probe has a CID. Source: Han and Tsvetkov 2021, section 3.
    """
    if draws < 2 or bootstrap < 2:
        raise StatisticsError(f"draws = {draws} and bootstrap = {bootstrap} must both be at least 2.")
    design = arrange(train_label, train_confound, probe_label, probe_confound, probe_row)
    matrix = check_scores(scores, design)
    cids = probe_cids(matrix, design)  # [P]
    defined = np.isfinite(cids)
    if not defined.any():
        raise StatisticsError(" ".join(("CID is undefined: no probe has both groups.", *design.notes())))
    for_null, for_interval = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    null = permuted_cids(matrix, design, draws=draws, rng=for_null)  # [draws]
    resampled = resampled_cids(matrix, design, draws=bootstrap, rng=for_interval)
    cid = float(cids[defined].mean())
    return CidReport(
        cid=cid,
        ci=_middle(resampled if len(resampled) else np.array([cid])),
        null=_middle(null),
        p_value=two_sided_p(cid, null),
        n_probes=len(cids),
        n_defined=int(defined.sum()),
        n_undefined=int((~defined).sum()),
        draws=draws,
        bootstrap=bootstrap,
        seed=seed,
        cells=_cells(cids, design),
        notes=design.notes(),
        probes=_probes(matrix, cids, design),
    )


def probe_cids(scores: npt.NDArray[Any], design: Design) -> Floats:
    """CID of each probe [P] from scores [N, P]; NaN where it is undefined."""
    cids = np.full(len(design.probe_label), np.nan)
    for block in design.blocks:
        defined = block.defined(block.probe_code)
        if not defined.any():
            continue
        centred = block.centred(scores)  # [n, p]
        members = np.arange(len(block.counts))[:, None] == block.code  # [K, n]
        same = (members @ centred)[block.probe_code, np.arange(len(block.probes))]  # [p]
        n_a, n_b = block.sizes(block.probe_code)
        difference = same / np.maximum(n_a, 1) - (centred.sum(0) - same) / np.maximum(n_b, 1)
        cids[block.probes] = np.where(defined, difference, np.nan)
    return cids


def layer_cid(
    scores: npt.NDArray[Any],
    train_label: Values,
    train_confound: Values,
    probe_label: Values,
    probe_confound: Values,
    probe_row: Values,
) -> Floats:
    """CID by layer and probe [L, P] from scores by layer [L, N, P]; NaN where a probe's CID is undefined.

    Where the layers' scores sum to the whole score, so do their CIDs. Average over probes with `numpy.nanmean`.
    Raises StatisticsError as `cid_report` does.
    """
    layers = np.asarray(scores)
    if layers.ndim != 3 or len(layers) == 0:
        raise StatisticsError(f"Scores by layer need the shape [layers, training rows, probes], not {layers.shape}.")
    design = arrange(train_label, train_confound, probe_label, probe_confound, probe_row)
    return np.stack([probe_cids(check_scores(layer, design), design) for layer in layers])


def _middle(values: Floats) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _cells(cids: Floats, design: Design) -> tuple[CidCell, ...]:
    cells = []
    for block in design.blocks:
        for code, confound in enumerate(block.confounds):
            here = cids[block.probes[block.probe_code == code]]
            known = here[np.isfinite(here)]
            mean = float(known.mean()) if len(known) else None
            cells.append(CidCell(block.label, str(confound), int(block.counts[code]), len(here), mean))
    return tuple(cells)


def _probes(scores: npt.NDArray[Any], cids: Floats, design: Design) -> tuple[ProbeCid, ...]:
    groups = [design.masks(probe) for probe in range(len(cids))]
    found = [
        contrast(scores[a, probe].astype(np.float64), scores[b, probe].astype(np.float64))
        for probe, (a, b) in enumerate(groups)
    ]
    q = _adjusted([one.welch_p for one in found])
    return tuple(
        ProbeCid(
            index=probe,
            row=_row(design.probe_row, probe),
            label=str(design.probe_label[probe]),
            confound=str(design.probe_confound[probe]),
            n_a=int(a.sum()),
            n_b=int(b.sum()),
            cid=float(cids[probe]) if np.isfinite(cids[probe]) else None,
            q=q[probe],
            **asdict(found[probe]),
        )
        for probe, (a, b) in enumerate(groups)
    )


def _row(probe_row: Ints, probe: int) -> int | None:
    return int(probe_row[probe]) if probe_row[probe] >= 0 else None


def _adjusted(p_values: list[float | None]) -> list[float | None]:
    """Benjamini–Yekutieli q for the p-values that exist: valid under any dependence between probes."""
    q: list[float | None] = [None] * len(p_values)
    known = [place for place, p in enumerate(p_values) if p is not None]
    if known:
        adjusted = scipy.stats.false_discovery_control([p_values[place] for place in known], method="by")
        for place, value in zip(known, adjusted, strict=True):
            q[place] = float(value)
    return q
