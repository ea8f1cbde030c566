"""How much memory scoring takes, predicted before it starts, and how many examples at a time keep within a limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.influence.batch import Batch, size, unambiguous
from core.influence.coverage import Coverage
from core.influence.errors import MemoryLimitError
from core.influence.gradients.outer import bank_size
from core.influence.layers.embedding import SHORT

MOST_EXAMPLES = {"cpu": 32, "cuda": 256}
"""Examples at a time beyond which nothing gets faster: on a CPU they should stay in the cache. MiniLM on one core,
40 probes: 28.3 ms an example at 32, 32.7 ms at 64. On an H100: 1.88 ms at 32, 0.70 at 64, 0.24 at 256, 0.23 at 512."""

WORKSPACE = 128 * 2**20
"""Bytes for blocks and temporaries, whatever the sizes."""


def default_limit(device: torch.device) -> int:
    """Bytes that the engine may take beside the model: most of a GPU's free memory; on the CPU half of what is free,
    at most 4 GiB."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(0.8 * (free + unused))
    return int(min(4 * 2**30, psutil.virtual_memory().available / 2))


@dataclass(frozen=True)
class Prediction:
    """Peak memory of one scoring pass, in bytes, beside the model and the result.

    Attributes:
        per_probe: one probe's gradients as they are kept.
        per_example: one training example's activations, output-gradients and temporaries.
        probes: probes a pass.
        examples: training examples at a time.
    """

    per_probe: int
    per_example: int
    probes: int
    examples: int

    @property
    def peak(self) -> int:
        """Bytes at the fullest moment."""
        return self.probes * self.per_probe + self.examples * self.per_example + WORKSPACE


@dataclass
class Meter:
    """Keeps the engine inside its limit.

    What one example costs is counted by running one, once for each length: the activations that autograd keeps are
    exact; as much again covers the output-gradients and whatever lives for a moment during the backward pass.

    Args:
        model: the classifier.
        coverage: the parameters that count.
        limit: bytes that the engine may take beside the model and the result.
        ceiling: examples at a time, whatever the prediction says; 0 for the device's own.
    """

    model: nn.Module
    coverage: Coverage
    limit: int
    ceiling: int = 0
    _bank: int = 0
    _touched: int = 0
    _seen: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ceiling = self.ceiling or MOST_EXAMPLES[next(self.model.parameters()).device.type]

    def plan(self, probes: Sequence[Batch]) -> Prediction:
        """How many probes to hold at once: all, if a fair number of examples fits beside them, else as many as do.

        Raises:
            MemoryLimitError: one probe and one example do not fit.
        """
        longest = max(probes, key=lambda batch: batch["input_ids"].shape[1])
        count, tokens = sum(map(size, probes)), longest["input_ids"].shape[1]
        per_probe = self._per_probe(count, tokens)
        self._touched = count * tokens
        per_example = self._per_example(longest)
        room = self.limit - WORKSPACE
        for examples in (16, 4, 1):
            fitting = min(count, (room - examples * per_example) // max(per_probe, 1))
            if fitting >= 1:
                self._bank = fitting * per_probe
                return Prediction(per_probe, per_example, fitting, self.examples(longest))
        needed = per_probe + per_example + WORKSPACE
        raise MemoryLimitError(
            f"Scoring one example against one probe needs about {needed / 2**20:,.0f} MiB and the limit is "
            f"{self.limit / 2**20:,.0f} MiB: raise memory=, shorten the texts, or restrict parameters=[…]."
        )

    def examples(self, batch: Batch) -> int:
        """Examples of this batch's length that fit at a time beside the probes."""
        fitting = (self.limit - WORKSPACE - self._bank) // max(self._per_example(batch), 1)
        return max(1, min(self.ceiling, fitting))

    def lower(self, examples: int) -> None:
        """Never take more than this many at a time again: memory ran out."""
        self.ceiling = max(1, min(self.ceiling, examples))

    def _per_example(self, batch: Batch) -> int:
        """Bytes that each example of this batch adds to the peak."""
        tokens = batch["input_ids"].shape[1]
        length = -(-tokens // 16) * 16
        if length not in self._seen:
            self._seen[length] = self._kept_by_autograd(_stretched(batch, min(length, _longest(self.model, length))))
        rows = sum(
            min(module.num_embeddings, self._touched) * module.embedding_dim
            for module in self._modules()
            if isinstance(module, nn.Embedding)
        )
        return 2 * self._seen[length] + rows * self._itemsize

    def _per_probe(self, probes: int, tokens: int) -> int:
        """Bytes that one of P probes of T tokens is kept in."""
        total = 0
        for name in self.coverage.layer_of:
            module = self.model.get_submodule(name.rpartition(".")[0])
            parameter = self.model.get_parameter(name)
            if isinstance(module, nn.Linear) and name.endswith("weight"):
                total += bank_size(parameter.shape[1], parameter.shape[0], tokens, probes)
            elif isinstance(module, nn.Embedding) and module.num_embeddings > SHORT:
                total += min(module.num_embeddings, probes * tokens) * module.embedding_dim
            else:
                total += parameter.numel()
        return total * self._itemsize

    @property
    def _itemsize(self) -> int:
        return next(self.model.parameters()).element_size()

    def _modules(self) -> list[nn.Module]:
        return [self.model.get_submodule(name.rpartition(".")[0]) for name in self.coverage.layer_of]

    def _kept_by_autograd(self, batch: Batch) -> int:
        weights = {parameter.untyped_storage().data_ptr() for parameter in self.model.parameters()}
        kept: dict[int, int] = {}

        def count(x: Tensor) -> Tensor:
            storage = x.untyped_storage()
            if storage.data_ptr() not in weights:
                kept[storage.data_ptr()] = storage.nbytes()
            return x

        inputs, _ = unambiguous(self.model, {name: x[:1] for name, x in batch.items()})
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(count, lambda x: x):
            logits = self.model(**inputs).logits
        del logits
        return sum(kept.values())


def out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, on a GPU or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _stretched(batch: Mapping[str, Tensor], length: int) -> dict[str, Tensor]:
    tokens = batch["input_ids"].shape[1]
    return {name: F.pad(x, (0, max(0, length - tokens))) if x.dim() > 1 else x for name, x in batch.items()}


def _longest(model: nn.Module, length: int) -> int:
    positions = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    return length if positions is None else min(length, int(positions) - 2)
