"""The stream: probes' gradients once, then training examples in chunks, each forgotten as soon as it is scored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.influence.batch import Batch, groups, pieces, size
from core.influence.conditions import evaluation, exact_arithmetic
from core.influence.coverage import cover
from core.influence.errors import InfluenceError, MemoryLimitError
from core.influence.gradients.buffers import Buffers
from core.influence.memory import Meter, default_limit, out_of_memory
from core.influence.record import gradients
from core.influence.reduce import Probes, check_finite, squared_norms

Progress = Callable[[int, int | None], None]
"""Called with training examples done and their total (None while unknown), counted over all passes."""


@dataclass(frozen=True)
class Piece:
    """What one chunk of training examples gave, before it is summed over layers and forgotten.

    Attributes:
        first: number of the first of its n examples in the stream; first_probe: of the first of its P probes.
        pairs: `⟨g_n, g_p⟩` by layer, `[L, n, P]`; train: `|g_n|²`, `[L, n]`; probes: `|g_p|²`, `[L, P]`. In float64.
    """

    first: int
    first_probe: int
    pairs: Tensor
    train: Tensor
    probes: Tensor


Watch = Callable[[Piece], None]
"""Called with every chunk, for figures by layer that need no `[L, N, P]` in memory."""


@dataclass(frozen=True)
class Products:
    """Inner products of gradients, on the CPU in float64.

    Attributes:
        pairs: `⟨g_n, g_p⟩` by layer, `[L, N, P]`; summed over layers, `[1, N, P]`.
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
        watch: shown every chunk with its layers apart.
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
        watch: Watch | None = None,
    ) -> None:
        self._model = model
        self._coverage = cover(model, parameters)
        self._by_layer = by_layer
        self._tf32 = tf32
        self._progress = progress
        self._watch = watch
        limit = default_limit(next(model.parameters()).device) if memory is None else memory
        self._meter = Meter(model, self._coverage, limit)
        self._buffers = Buffers()
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
        given = list(probes)
        if not given:
            raise InfluenceError("There are no probes to score against.")
        parts: list[Products] = []
        with evaluation(self._model), exact_arithmetic(self._model, tf32=self._tf32):
            shares = list(groups(given, self._meter.plan(given).probes))
            if len(shares) > 1 and not isinstance(train, Sequence):
                train = list(train)  # token numbers only
            self._expect(train, passes=len(shares))
            for share in shares:
                first = sum(part.probes.shape[1] for part in parts)
                held = self._hold(share, first)
                pairs, norms = self._stream(train, held, first)
                parts.append(Products(pairs, norms, held.norms))
                del held  # before the next share is built
        return Products(
            torch.cat([part.pairs for part in parts], 2), parts[0].train, torch.cat([part.probes for part in parts], 1)
        )

    def norms(self, examples: Iterable[Batch]) -> Tensor:
        """Squared gradient norms by layer, `[L, N]`, on the CPU in float64."""
        with evaluation(self._model), exact_arithmetic(self._model, tf32=self._tf32):
            self._expect(examples, passes=1)
            return self._stream(examples, Probes(self._coverage, 0, self._buffers))[1]

    def _expect(self, examples: Iterable[Batch], passes: int) -> None:
        self._done = 0
        self._total = passes * sum(map(size, examples)) if isinstance(examples, Sequence) else None

    def _hold(self, probes: Sequence[Batch], first: int) -> Probes:
        """The probes' gradients; when memory runs out all the same, once more in smaller pieces."""
        while True:
            held = Probes(self._coverage, sum(map(size, probes)), self._buffers)
            try:
                for batch in probes:
                    for piece in pieces(batch, self._meter.examples(batch)):
                        held.add(gradients(self._model, piece, self._coverage), first)
                return held
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if self._meter.ceiling == 1:
                    raise MemoryLimitError(
                        "The probes' gradients do not fit: name fewer probes or parameters."
                    ) from error
            self._meter.lower(self._meter.ceiling // 2)

    def _stream(self, examples: Iterable[Batch], probes: Probes, first_probe: int = 0) -> tuple[Tensor, Tensor]:
        """Products with the probes, `[L, N, P]`, and squared norms, `[L, N]`."""
        pairs: list[Tensor] = []
        norms: list[Tensor] = []
        done = 0
        for batch in examples:
            for piece in pieces(batch, self._meter.examples(batch)):
                for products, squared in self._score(piece, probes):
                    check_finite(squared, self._coverage.layers, "Example", done)
                    if self._watch is not None:
                        self._watch(Piece(done, first_probe, products, squared, probes.norms))
                    pairs.append(products if self._by_layer else products.sum(0, keepdim=True))
                    norms.append(squared)
                    done += squared.shape[1]
                self._done += size(piece)
                if self._progress:
                    self._progress(self._done, self._total)
        if not done:
            raise InfluenceError("There are no examples to score.")
        return torch.cat(pairs, 1), torch.cat(norms, 1)

    def _score(self, piece: Batch, probes: Probes) -> Iterator[tuple[Tensor, Tensor]]:
        """A piece's products by layer and norms; when memory runs out all the same, its halves', and smaller pieces ever after."""
        n = size(piece)
        try:
            found = gradients(self._model, piece, self._coverage)
            norms = squared_norms(found, self._coverage)
            products = probes.products(found)  # [L, n, P]
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if n == 1:
                raise MemoryLimitError("Not even one example fits the memory that is left.") from error
        else:
            yield products, norms
            return
        self._meter.lower(n // 2)
        for half in pieces(piece, -(-n // 2)):
            yield from self._score(half, probes)
