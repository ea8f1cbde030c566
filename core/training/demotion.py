"""The tuning loss J: how differently a probe's two groups pull on it.

    J(θ) = mean over probes of (mean_{a ∈ A} I_θ(a, probe) − mean_{b ∈ B} I_θ(b, probe))²

I is the gradient cosine over all parameters (influence term, second order) or the cosine of the vectors that the last
layer reads (embedding term, first order); with both, their weighted sum. Dropout is off.

Source: Han & Tsvetkov 2021, §4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import UserError
from core.influence.embedding import pair_embedding_cosines
from core.influence.errors import InfluenceError
from core.influence.pairs import pair_cosines
from core.training.batching import Encoded, Rows
from core.training.effort import AT_ONCE
from core.training.ranks import Ranks
from core.training.tuples import Group


@dataclass(frozen=True)
class Difference:
    """A tuning step's loss, and the mean over its probes of mean_A I − mean_B I (with its sign), of the first term."""

    loss: float
    difference: float


class Demotion:
    """Adds ∇θ J to the parameters' gradients.

    Args:
        terms: weight by term, `influence` and/or `embedding`.
        model: the classifier.
        data: the training examples, whose rows the tuples name.
        at_once: examples whose graph is held at once, for memory; None for the device's usual number.
        ranks: those that share a step's tuples.
    """

    def __init__(
        self,
        terms: Mapping[str, float],
        model: nn.Module,
        data: Encoded,
        *,
        at_once: int | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = ranks or Ranks()
        self.terms, self.model, self.data = dict(terms), model, data
        self.device = next(model.parameters()).device
        self.at_once = {term: at_once or AT_ONCE[term, self.device.type] for term in self.terms}

    def backward(
        self, groups: Sequence[Group], *, scale: float = 1.0, inputs: Sequence[nn.Parameter] | None = None
    ) -> Difference:
        """Add `scale · ∇θ J` of these tuples to the gradients of `inputs` (all trainable parameters when None).

        Each of several ranks adds what its share of the tuples does to J; gradients and results have to be summed.

        Raises:
            UserError: an example whose influence is undefined, named by its number in the training set.
        """
        loss, differences = 0.0, dict.fromkeys(self.terms, 0.0)
        mine = self.ranks.share(groups)
        for term, weight in self.terms.items():
            start = 0
            while start < len(mine):
                piece = self._piece(term, mine[start:])
                found = self._differences(term, piece)  # [probes of the piece]
                part = weight * found.square().sum() / len(groups)
                torch.autograd.backward(scale * part, inputs=inputs)
                loss += float(part.detach())
                differences[term] += float(found.detach().sum()) / len(groups)
                start += len(piece)
        return Difference(loss, next(iter(differences.values())))

    def halve(self) -> bool:
        """Memory ran out: hold half as much at once, for good. Returns False when one tuple alone does not fit.

        The step must be begun again, since some of its gradients have been written.
        """
        if all(most == 1 for most in self.at_once.values()):
            return False
        self.at_once = {term: max(1, most // 2) for term, most in self.at_once.items()}
        return True

    def _piece(self, term: str, groups: Sequence[Group]) -> Sequence[Group]:
        """As many tuples as may be held at once, at least one."""
        ends = np.cumsum([len(group.rows) for group in groups])
        return groups[: max(1, int(np.searchsorted(ends, self.at_once[term], side="right")))]

    def _differences(self, term: str, groups: Sequence[Group]) -> Tensor:
        """mean_A I − mean_B I of each probe, `[P]`, differentiable."""
        rows = np.array([row for group in groups for row in group.rows])
        if term == "embedding":
            rows, place = np.unique(rows, return_inverse=True)  # an example in several tuples is run once
        else:
            place = np.arange(len(rows))
        left, right, weights, owner = [], [], [], []
        start = 0
        for number, group in enumerate(groups):
            a, b = len(group.same), len(group.different)
            left += place[start + 1 : start + 1 + a + b].tolist()
            right += [int(place[start])] * (a + b)
            weights += [1.0 / a] * a + [-1.0 / b] * b
            owner += [number] * (a + b)
            start += 1 + a + b
        cosines = self._cosines(term, rows, left, right)  # [K]
        shares = cosines * torch.tensor(weights, dtype=cosines.dtype, device=cosines.device)
        return cosines.new_zeros(len(groups)).index_add(0, torch.tensor(owner, device=cosines.device), shares)

    def _cosines(self, term: str, rows: Rows, left: list[int], right: list[int]) -> Tensor:
        """Influence of the rows' examples on each other, pair by pair, `[K]`."""
        batch = self.data.batch(rows, self.device)
        try:
            if term == "embedding":
                return pair_embedding_cosines(self.model, batch, left, right)
            return pair_cosines(self.model, batch, left, right, create_graph=True)
        except InfluenceError as error:
            raise UserError(
                f"A tuning step stopped on the training rows {', '.join(map(str, rows[:5].tolist()))} …: {error} A lower "
                "round_lr or fewer round_epochs keeps a model from such extremes."
            ) from error
