"""CID of a single text that is no probe of a diagnosis, from all training rows or from a sample of them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.statistics.arrays import Floats
from core.statistics.bootstrap import resampling_weights
from core.statistics.effects import hedges_g
from core.statistics.sampled import Sample

DRAWS = 2000
_ENTRIES = 4_000_000


@dataclass(frozen=True)
class TextCid:
    """CID of one text, with its 95 % interval; None where a group is empty.

    n_a, n_b: rows of A (the text's label and confound, without itself) and of B (its label, another confound) that were
    scored. mean_b weighs the cells of B by how many training examples they have. The interval says how far CID would
    move with other training examples; of one text nothing can be said about other texts.
    """

    cid: float | None
    ci: tuple[float, float] | None
    n_a: int
    n_b: int
    mean_a: float | None
    mean_b: float | None
    hedges_g: float | None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self) | {"ci": None if self.ci is None else list(self.ci)}


def text_cid(
    scores: npt.NDArray[Any], sample: Sample, label: str, confound: str, *, row: int = -1, seed: int = 0
) -> TextCid:
    """CID of a text with this label and confound value, from the scores [n] of the sampled training rows.

    With every row sampled it is the CID that a diagnosis gives the same text as a probe.

    Args:
        row: the text's own row in the training set, which A leaves out; −1 if it is not in it.
    """
    column = scores.astype(np.float64)
    others = sample.rows != row
    a: Floats = np.empty(0)
    b: list[tuple[Floats, int]] = []
    for cell, (of_label, of_confound) in enumerate(sample.names):
        members = column[(sample.cell == cell) & others]
        if of_label != label or not len(members):
            continue
        if of_confound == confound:
            a = members
        else:
            b.append((members, int(sample.sizes[cell])))
    whole = sum(size for _, size in b)
    mean_a = float(a.mean()) if len(a) else None
    mean_b = float(sum(part.mean() * size for part, size in b) / whole) if b else None
    every_b = np.concatenate([part for part, _ in b]) if b else np.empty(0)
    found = TextCid(
        cid=None if mean_a is None or mean_b is None else mean_a - mean_b,
        ci=None,
        n_a=len(a),
        n_b=len(every_b),
        mean_a=mean_a,
        mean_b=mean_b,
        hedges_g=hedges_g(a, every_b),
    )
    if found.cid is None:
        return found
    rng = np.random.default_rng(seed)
    drawn = _means(a, rng) - sum(_means(part, rng) * (size / whole) for part, size in b)  # [DRAWS]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return TextCid(**(found.__dict__ | {"ci": (float(low), float(high))}))


def _means(cell: Floats, rng: np.random.Generator) -> Floats:
    """Means of a cell's scores [m] in bootstrap samples: [DRAWS]."""
    means = np.empty(DRAWS)
    step = max(1, _ENTRIES // len(cell))
    for start in range(0, DRAWS, step):
        part = slice(start, min(start + step, DRAWS))
        means[part] = resampling_weights(len(cell), part.stop - start, rng) @ cell / len(cell)
    return means
