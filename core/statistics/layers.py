"""CID by layer: where in the model sharing the confound counts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.statistics.arrays import Floats, Ints, Values, same_length, text_array
from core.statistics.bootstrap import resampling_weights
from core.statistics.errors import StatisticsError
from core.statistics.intervals import Interval


@dataclass(frozen=True)
class Cells:
    """The label × confound cells of N training examples: cell of each [N], and the cells' names and sizes [G]."""

    code: Ints
    names: tuple[tuple[str, str], ...]
    sizes: Ints


@dataclass(frozen=True)
class LayerCid:
    """One layer's part.

    `cid`: its share of CID; over the layers the shares add up to CID. `within`: CID of the cosines that the layer's own
    gradients have, on the scale of a whole model's CID. Both with 95 % intervals over probes.
    """

    layer: str
    module: str
    cid: float
    ci: Interval
    within: float
    within_ci: Interval

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self) | {"ci": list(self.ci), "within_ci": list(self.within_ci)}


def cells_of(label: Values, confound: Values) -> Cells:
    """Number the cells that occur, by name."""
    y, c = text_array(label, "label"), text_array(confound, "confound")
    same_length(label=y, confound=c)
    pairs = list(zip(y.tolist(), c.tolist(), strict=True))
    names = tuple(sorted(set(pairs)))
    number = {name: place for place, name in enumerate(names)}
    code = np.array([number[pair] for pair in pairs], dtype=np.int64)
    return Cells(code, names, np.bincount(code, minlength=len(names)))


def cids_from_sums(sums: Floats, cells: Cells, probe_label: Values, probe_confound: Values, probe_row: Ints) -> Floats:
    """CID by layer and probe [L, P] from sums of scores over cells [L, G, P] that leave each probe itself out.

    CID as in `cid.cid_report`: mean over the probe's own cell minus mean over all others of its label. NaN where one of
    the two is empty.
    """
    labels, values = text_array(probe_label, "probe label"), text_array(probe_confound, "probe confound")
    same_length(probe_label=labels, probe_confound=values, probe_row=probe_row)
    if sums.shape[1:] != (len(cells.names), len(labels)):
        raise StatisticsError(
            f"Sums of the shape {sums.shape} do not fit {len(cells.names)} cells and {len(labels)} probes."
        )
    found = np.full((len(sums), len(labels)), np.nan)  # [L, P]
    for probe, (label, confound) in enumerate(zip(labels.tolist(), values.tolist(), strict=True)):
        same = [place for place, name in enumerate(cells.names) if name == (label, confound)]
        other = [place for place, name in enumerate(cells.names) if name[0] == label and name[1] != confound]
        n_a, n_b = int(cells.sizes[same].sum()) - (probe_row[probe] >= 0), int(cells.sizes[other].sum())
        if n_a > 0 and n_b > 0:
            found[:, probe] = sums[:, same, probe].sum(1) / n_a - sums[:, other, probe].sum(1) / n_b
    return found


def layer_cids(
    names: Sequence[tuple[str, str]],
    shares: Floats,
    within: Floats,
    probe_label: Values,
    probe_confound: Values,
    *,
    seed: int,
    draws: int = 2000,
) -> tuple[LayerCid, ...]:
    """Every layer's mean over the probes, with its interval.

    names: readable and module's name of each layer [L]. shares, within: CIDs by layer and probe [L, P]; a probe without
    a CID (NaN) takes no part. Interval: bootstrap over probes within cells, 95 % percentile; the training rows stay as
    they are, so it is narrower than that of CID. Without any probe that has a CID there are no layers.
    """
    there = np.isfinite(shares).all(0)  # [P]
    if not there.any():
        return ()
    weights = _weights(cells_of(probe_label, probe_confound).code[there], draws, np.random.default_rng(seed))
    weights /= weights.sum(1, keepdims=True)  # [draws, p]
    drawn = [np.quantile(weights @ each[:, there].T, [0.025, 0.975], axis=0) for each in (shares, within)]  # [2, L]
    means = [each[:, there].mean(1) for each in (shares, within)]  # [L]
    return tuple(
        LayerCid(
            layer=name,
            module=module,
            cid=float(means[0][place]),
            ci=(float(drawn[0][0, place]), float(drawn[0][1, place])),
            within=float(means[1][place]),
            within_ci=(float(drawn[1][0, place]), float(drawn[1][1, place])),
        )
        for place, (name, module) in enumerate(names)
    )


def _weights(code: Ints, draws: int, rng: np.random.Generator) -> Floats:
    weights = np.zeros((draws, len(code)))
    for cell in np.unique(code):
        members = np.flatnonzero(code == cell)
        weights[:, members] = resampling_weights(len(members), draws, rng)
    return weights  # [draws, p]
