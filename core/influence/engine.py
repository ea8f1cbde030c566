"""The stream: probes' gradients once, then training examples in chunks, each forgotten as soon as it is scored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.influence.batch import Batch, pieces, size
from core.influence.conditions import evaluation, exact_arithmetic
from core.influence.coverage import cover
from core.influence.errors import InfluenceError, MemoryLimitError, NonFiniteGradientError
from core.influence.gradients.form import Bank
from core.influence.gradients.memo import Memo
from core.influence.memory import Meter, default_limit, out_of_memory
from core.influence.record import Recorded, gradients

Progress = Callable[[int, int | None], None]
"""Called with training examples done and their total (None while unknown), counted over all passes."""


@dataclass(frozen=True)
class Products:
    """Inner products of gradients, on the CPU in float64.

    Attributes:
        pairs: `⟨g_n, g_p⟩` by layer, `[L, N, P]`; with L = 1, summed over layers.
        train: `|g_n|²` by layer, `[L, N]`.
        probes: `|g_p|²` by layer, `[L, P]`.
    """

    pairs: Tensor
    train: Tensor
    probes: Tensor


class Engine:
    """Streams examples through one model under one set of conditions.

    Args:
        model: a classifier whose output has `logits`.
        by_layer: keep layers apart; else they are summed into one.
        parameters: names that restrict the gradient; None means all trainable ones.
        memory: bytes that may be taken beside the model and the result; None asks the device.
        tf32: let a GPU round the factors of matrix products to TF32.
        progress: called after every chunk.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        by_layer: bool = False,
        parameters: Iterable[str] | None = None,
        memory: int | None = None,
        tf32: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.model = model
        self.coverage = cover(model, parameters)
        self._rows = self.coverage.layer_of if by_layer else dict.fromkeys(self.coverage.layer_of, 0)
        self._layers = len(self.coverage.layers) if by_layer else 1
        self._tf32 = tf32
        self._progress = progress
        limit = default_limit(next(model.parameters()).device) if memory is None else memory
        self._meter = Meter(model, self.coverage, limit)
        self._memo = Memo()
        self._probe_scale = torch.empty(0)
        self._done = 0
        self._total: int | None = None

    def products(self, train: Iterable[Batch], probes: Iterable[Batch]) -> Products:
        """All products of N training examples with P probes.

        Probes whose gradients do not fit in memory together take several passes over the training examples.

        Raises:
            InfluenceError: no probes, no examples, or labels are missing.
            MemoryLimitError: one probe and one example do not fit.
            NonFiniteGradientError: a gradient holds NaN or infinity.
        """
        held = list(probes)
        if not held:
            raise InfluenceError("There are no probes to score against.")
        with evaluation(self.model), exact_arithmetic(self.model, tf32=self._tf32):
            groups = _groups(held, self._meter.plan(held).probes)
            if len(groups) > 1 and not isinstance(train, Sequence):
                train = list(train)  # token numbers only: nothing beside the gradients
            self._expect(train, len(groups))
            parts: list[Products] = []
            for group in groups:
                banks, norms = self._fill(group, first=sum(part.probes.shape[1] for part in parts))
                pairs, train_norms = self._stream(train, banks, norms.shape[1])
                parts.append(Products(pairs, train_norms, norms))
        return Products(
            torch.cat([part.pairs for part in parts], 2), parts[0].train, torch.cat([part.probes for part in parts], 1)
        )

    def norms(self, examples: Iterable[Batch]) -> Tensor:
        """Squared gradient norms by layer, `[L, N]`, on the CPU in float64."""
        with evaluation(self.model), exact_arithmetic(self.model, tf32=self._tf32):
            self._expect(examples, 1)
            return self._stream(examples, {}, 0)[1]

    def _expect(self, examples: Iterable[Batch], passes: int) -> None:
        self._done = 0
        self._total = passes * sum(map(size, examples)) if isinstance(examples, Sequence) else None

    def _fill(self, probes: Sequence[Batch], first: int) -> tuple[dict[str, Bank], Tensor]:
        """Banks of the probes' gradients by parameter, and their squared norms `[L, P]`."""
        banks: dict[str, Bank] = {}
        norms: list[Tensor] = []
        scales: list[Tensor] = []
        count = sum(map(size, probes))
        for batch in probes:
            for piece in pieces(batch, self._meter.examples(batch)):
                found = gradients(self.model, piece, self.coverage)
                _, squared = self._collect(found, {}, 0)
                self._check(squared, "Probe", first + sum(part.shape[1] for part in norms))
                norms.append(squared)
                scales.append(found.scale)
                for name, gradient in found.by_parameter.items():
                    if name not in banks:
                        banks[name] = gradient.bank(count)
                    banks[name].add(gradient, self._memo)
        self._probe_scale = torch.cat(scales)
        return banks, torch.cat(norms, 1)

    def _stream(self, examples: Iterable[Batch], banks: dict[str, Bank], probes: int) -> tuple[Tensor, Tensor]:
        """Products `[L, N, P]` with the banks' probes, and squared norms `[L, N]`."""
        pairs: list[Tensor] = []
        norms: list[Tensor] = []
        done = 0
        for batch in examples:
            for piece in pieces(batch, self._meter.examples(batch)):
                for products, squared in self._score(piece, banks, probes):
                    self._check(squared, "Example", done)
                    pairs.append(products)
                    norms.append(squared)
                    done += squared.shape[1]
                self._done += size(piece)
                if self._progress:
                    self._progress(self._done, self._total)
        if not done:
            raise InfluenceError("There are no examples to score.")
        return torch.cat(pairs, 1), torch.cat(norms, 1)

    def _score(self, piece: Batch, banks: dict[str, Bank], probes: int) -> Iterator[tuple[Tensor, Tensor]]:
        """One piece's products and norms; when memory runs out all the same, its halves', and smaller pieces after."""
        n = size(piece)
        try:
            found = gradients(self.model, piece, self.coverage)
            yield self._collect(found, banks, probes)
            return
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if n == 1:
                raise MemoryLimitError("Not even one example fits the memory that is left.") from error
        self._meter.lower(n // 2)
        for half in pieces(piece, -(-n // 2)):
            yield from self._score(half, banks, probes)

    def _collect(self, found: Recorded, banks: dict[str, Bank], probes: int) -> tuple[Tensor, Tensor]:
        """Sums over the parameters of each layer: products `[L, n, P]` and squared norms `[L, n]`, on the CPU.

        Sums over parameters are kept in float64: float32 norms of very long vectors drift.
        """
        pairs = found.scale.new_zeros(self._layers, len(found.scale), probes)
        norms = found.scale.new_zeros(self._layers, len(found.scale))
        for name, gradient in found.by_parameter.items():
            row = self._rows[name]
            norms[row] += gradient.squared_norms(self._memo)
            if name in banks:
                pairs[row] += banks[name].products(gradient, self._memo)
        if probes:
            pairs *= found.scale.unsqueeze(1) * self._probe_scale
        return pairs.cpu(), (norms * found.scale.square()).cpu()

    def _check(self, norms: Tensor, kind: str, first: int) -> None:
        """Refuse gradients that are not finite, naming the example and the layer."""
        bad = (~norms.isfinite()).nonzero()  # [·, 2]
        if len(bad):
            layer, example = map(int, bad[0])
            where = self.coverage.layers[layer] if self._layers > 1 else "all layers"
            raise NonFiniteGradientError(
                f"{kind} {first + example}: its gradient in {where} is not finite (NaN or infinity). "
                "The model has diverged: take an earlier checkpoint or a lower learning rate."
            )


def _groups(batches: Sequence[Batch], most: int) -> list[list[Batch]]:
    """The examples in groups of at most `most`, in order."""
    groups: list[list[Batch]] = [[]]
    room = most
    for batch in batches:
        rest: Batch = batch
        while rest is not None and len(rest["labels"]):
            if not room:
                groups.append([])
                room = most
            groups[-1].append({name: x[:room] for name, x in rest.items()})
            taken = size(groups[-1][-1])
            rest = {name: x[taken:] for name, x in rest.items()}
            room -= taken
    return groups
