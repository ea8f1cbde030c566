"""Which estimators of influence there are. Imports no torch, so pages and the command line can ask.

A new one is a file with a function as `Scorer` describes it, and a line here; docs/extending.md has an example.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.influence.batch import Batch
    from core.influence.engine import Progress


class Scorer(Protocol):
    """What an estimator computes."""

    def __call__(
        self,
        model: nn.Module,
        train: Iterable[Batch],
        probes: Iterable[Batch],
        *,
        memory: int | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """Influence `[N, P]` of N training examples on P probes, on the CPU; above 0 where an example speaks for a probe.

        model: a classifier, on its device and in whatever mode; it comes back as it was.
        train, probes: tokenised batches with `labels`; examples keep their order.
        memory: bytes to take at most; None: as much as the device has.
        progress: called with (examples done, all of them).

        Raises InfluenceError where an influence is undefined; never gives NaN.
        """
        ...


@dataclass(frozen=True)
class Estimator:
    """title: what it is, for people. module, function: where its `Scorer` is; imported when it is first used."""

    title: str
    module: str
    function: str

    def scorer(self) -> Scorer:
        """The function itself. This imports torch."""
        return cast(Scorer, getattr(import_module(self.module), self.function))


ESTIMATORS = {
    "cosine": Estimator("gradient cosine over all parameters", "core.influence.scores", "cosine_scores"),
    "embedding": Estimator(
        "cosine of the vectors that the last layer reads", "core.influence.embedding", "embedding_scores"
    ),
}
