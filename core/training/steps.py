"""One label step: forward and backward in micro-batches, clip, AdamW."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from core.training.batching import Encoded, Rows, by_length
from core.training.config import TrainConfig
from core.training.device import Machine
from core.training.objectives import Objective
from core.training.ranks import Ranks


@dataclass(frozen=True)
class StepResult:
    """One step's mean loss, number of right predictions (dropout on) and gradient norm before clipping; all [].

    extra: the mean of what the method adds to the label loss: the confound head's loss, or J; None where nothing.
    They stay on the device until somebody reads them, so that a GPU need not wait for the next step.
    """

    loss: Tensor
    correct: Tensor
    norm: Tensor
    n: int
    extra: Tensor | None = None


class LabelSteps:
    """The model, its optimiser, and the way they take a step."""

    def __init__(
        self,
        config: TrainConfig,
        model: PreTrainedModel,
        objective: Objective,
        machine: Machine,
        note: Callable[[str], None],
        ranks: Ranks | None = None,
    ) -> None:
        self.config, self.model, self.objective, self.machine, self.note = config, model, objective, machine, note
        self.ranks = ranks or Ranks()
        self.micro_batch = machine.micro_batch(config)
        self.optimizer = adamw(self._trained(model), config.weight_decay)
        heads = adamw(self._trained(objective.heads), 0.0, factor=config.adversarial_head_factor)
        for group in heads.param_groups:
            self.optimizer.add_param_group(group)
        self.scaler = torch.amp.GradScaler(machine.device.type, enabled=machine.precision == torch.float16)
        self.word_rows = RowGradients(model) if machine.device.type == "cpu" and self.ranks.size == 1 else None
        self.added: Added | None = None
        self._rows_kept: RowGradients | None = None

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """Everything that is trained, in a fixed order: the model's parameters, then those of the objective's heads."""
        parts = {"model": self.model, "heads": self.objective.heads}
        return {
            f"{part}.{name}": parameter
            for part, module in parts.items()
            for name, parameter in self._trained(module).items()
        }

    @staticmethod
    def _trained(module: nn.Module) -> dict[str, nn.Parameter]:
        return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}

    def step(self, data: Encoded, rows: Rows, lr: float, number: int = 1) -> StepResult:
        """Move the parameters once, along the gradient of the mean loss over `rows`. number: of the step, from 1."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["factor"]
        self.model.train()
        with self.gradients_of(self.named_parameters()):
            found = self._gradients_that_fit(data, rows, number)
            self.ranks.sum_gradients(self.named_parameters().values())
            loss, correct, extra = self.ranks.sum(*found)  # []
            self.scaler.unscale_(self.optimizer)
            norm = nn.utils.clip_grad_norm_(self.named_parameters().values(), self.config.max_grad_norm)
            self.scaler.step(self.optimizer)
            self.scaler.update()
        adds = self.added is not None or any(True for _ in self.objective.heads.parameters())
        return StepResult(loss, correct, norm, len(rows), extra if adds else None)

    @contextmanager
    def gradients_of(self, parameters: Mapping[str, nn.Parameter]) -> Iterator[None]:
        """Within, gradients gather; afterwards there are none. On a CPU the word embedding's are kept sparse."""
        embedded = self.word_rows is not None and any(p is self.word_rows.embedding.weight for p in parameters.values())
        self._rows_kept = self.word_rows if embedded else None
        with self._rows_kept.kept() if self._rows_kept else nullcontext():
            try:
                yield
            finally:
                for parameter in self.named_parameters().values():
                    parameter.grad = None

    def collect_rows(self) -> None:
        """After the last backward pass of a step: the word embedding's gradient as one tensor."""
        if self._rows_kept:
            self._rows_kept.collect()

    def _gradients_that_fit(self, data: Encoded, rows: Rows, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """As `_gradients`; halve the micro-batch for good when memory does not suffice, on all ranks if on one."""
        while True:
            try:
                return self.ranks.together(self._gradients, data, rows, number)
            except torch.OutOfMemoryError:
                if self.micro_batch == 1 and not (self.added and self.added.halve()):
                    raise
            self.optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            self.micro_batch = (self.micro_batch + 1) // 2
            self.note(
                f"The device ran out of memory: going on with {self.micro_batch} examples at once. The batch stays "
                f"{self.config.batch_size}."
            )

    def _gradients(self, data: Encoded, rows: Rows, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Leave this rank's part of the batch's gradient in `.grad`; what its examples add to the mean loss, the
        right predictions and the mean of the extra loss, all [].

        The micro-batches are sorted by length: the gradient is the same, the padding less.
        """
        device, precision = self.machine.device, self.machine.precision
        losses, correct, extras = [], [], []
        mine = self.ranks.share(rows)
        for part in by_length(data.lengths[mine], self.micro_batch):
            batch = data.batch(mine[part], device)
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                loss, extra, logits = self.objective(self.model, batch, mine[part])  # [b], [b] or None, [b, C]
            whole = loss if extra is None else loss + extra
            torch.autograd.backward(self.scaler.scale(whole.sum() / len(rows)))
            losses.append(loss.detach().sum())
            if extra is not None:
                extras.append(extra.detach().sum())
            correct.append((logits.detach().argmax(dim=1) == batch["labels"]).sum())
        if self.added:
            extras.append(self.added.backward(number, float(self.scaler.get_scale())) * len(rows))
        self.collect_rows()
        loss, right, extra = (_total(values, device) for values in (losses, correct, extras))
        return loss / len(rows), right, extra / len(rows)


class Added(Protocol):
    """A loss of its own that every label step adds, once a step."""

    def backward(self, number: int, scale: float) -> Tensor:
        """Add its gradient for label step `number`, times `scale`, to `.grad`; return its value, []."""
        ...

    def halve(self) -> bool:
        """Memory ran out: hold half as much at once from now on. False when that is impossible."""
        ...


def _total(values: list[Tensor], device: torch.device) -> Tensor:
    """Their sum, []; of none, 0."""
    return torch.stack(values).sum() if values else torch.zeros((), device=device)


def adamw(parameters: dict[str, nn.Parameter], weight_decay: float, *, factor: float = 1.0) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) without decay for biases and LayerNorm, which are the one-dimensional ones.

    factor: kept with the groups, for whoever sets their learning rates.

    The fused kernel does one pass over memory; on one core a step of MiniLM takes 0.03 s instead of 0.17 s.
    """
    decayed = [parameter for parameter in parameters.values() if parameter.ndim >= 2]
    rest = [parameter for parameter in parameters.values() if parameter.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": weight_decay, "factor": factor},
        {"params": rest, "weight_decay": 0.0, "factor": factor},
    ]
    return torch.optim.AdamW(groups, lr=0.0, fused=True)


class RowGradients:
    """The word embedding's gradient on a CPU, written only where it is not zero.

    The embedding holds half of MiniLM's parameters and a batch uses a few hundred of its 30,522 rows. Making the dense
    gradient anew for every micro-batch took a tenth of the step; here the rows in use are collected from torch's
    sparse gradient into one dense tensor that is kept, and cleared again after the step. The numbers are the same.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.embedding: nn.Embedding = model.get_input_embeddings()
        self.dense = torch.zeros_like(self.embedding.weight)  # [V, H]
        self.rows = torch.empty(0, dtype=torch.long)  # [rows in use]

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Within, backward makes sparse gradients; afterwards the kept tensor is zero again."""
        self.embedding.sparse = True
        try:
            yield
        finally:
            self.embedding.sparse = False
            self.embedding.weight.grad = None
            self.dense.index_fill_(0, self.rows, 0.0)

    def collect(self) -> None:
        """Put the sum of the sparse gradients into the kept tensor and make that the parameter's gradient."""
        sparse = self.embedding.weight.grad
        assert sparse is not None
        sparse = sparse.coalesce()
        self.rows = sparse.indices()[0]
        self.dense.index_copy_(0, self.rows, sparse.values())
        self.embedding.weight.grad = self.dense
