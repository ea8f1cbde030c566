"""Tokenised batches: what one is, how one is cut, and how its batch axis is made unmistakable."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.influence.errors import InfluenceError

Batch = Mapping[str, Tensor]
"""Tensors by name, each `[B, …]`: `input_ids` `[B, T]`, usually `attention_mask`, always `labels` `[B]`."""

TOGETHER = {"cpu": 16, "cuda": 256}
"""Examples in one differentiable pass. On a CPU, few of like length: padding costs as much as text."""


def size(batch: Batch) -> int:
    """B.

    Raises:
        InfluenceError: the batch has no labels, or is empty.
    """
    if "labels" not in batch:
        raise InfluenceError(f"A batch for influence needs 'labels' beside {', '.join(sorted(batch)) or 'its inputs'}.")
    if batch["labels"].dim() != 1 or not batch["labels"].numel():
        shape = list(batch["labels"].shape)
        raise InfluenceError(f"'labels' must hold one class number an example, [B] with B ≥ 1; it has shape {shape}.")
    return batch["labels"].shape[0]


def pieces(batch: Batch, chunk: int) -> Iterator[dict[str, Tensor]]:
    """The batch in slices of at most `chunk` examples."""
    for start in range(0, size(batch), chunk):
        yield {name: x[start : start + chunk] for name, x in batch.items()}


def groups(batches: Sequence[Batch], most: int) -> Iterator[list[Batch]]:
    """The examples of all batches in groups of at most `most`, in order."""
    group: list[Batch] = []
    room = most
    for batch in batches:
        start = 0
        while start < size(batch):
            part = {name: x[start : start + room] for name, x in batch.items()}
            group.append(part)
            start += size(part)
            room -= size(part)
            if not room:
                yield group
                group, room = [], most
    if group:
        yield group


def unambiguous(model: nn.Module, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
    """The model's inputs, on its device, shaped so that no other axis can be taken for the batch; and the labels.

    What a layer computes per example has B as its first axis; a table over token positions may have T or 1 there. So
    when T is B or 1, one more column of padding is put in, which changes nothing: a masked token's gradients are zero.
    """
    device = next(model.parameters()).device
    inputs = {name: x.to(device) for name, x in batch.items() if name != "labels"}
    labels = batch["labels"].to(device)
    examples, tokens = inputs["input_ids"].shape
    while tokens in (1, examples) and examples > 1:
        inputs.setdefault("attention_mask", torch.ones_like(inputs["input_ids"]))
        pad = getattr(getattr(model, "config", None), "pad_token_id", None) or 0
        inputs = {name: F.pad(x, (0, 1), value=pad if name == "input_ids" else 0) for name, x in inputs.items()}
        tokens += 1
    return inputs, labels


def alike(batch: Batch, most: int) -> list[list[int]]:
    """Rows of the batch in groups of at most `most` texts of like length, longest first, in a group in their order.

    A group is cut to its own longest text by `cut`, so that what is computed for padding stays small.
    """
    if "attention_mask" not in batch or size(batch) <= most:
        return [list(range(size(batch)))]
    order = batch["attention_mask"].sum(1).argsort(descending=True, stable=True).tolist()
    return [sorted(order[start : start + most]) for start in range(0, len(order), most)]


def cut(batch: Batch, rows: Sequence[int]) -> dict[str, Tensor]:
    """These rows of the batch, without the columns at its end that are padding for all of them."""
    part = {name: x[list(rows)] for name, x in batch.items()}
    if "attention_mask" in part:
        tokens = int(part["attention_mask"].any(0).nonzero()[-1]) + 1
        part = {name: x[:, :tokens] if x.dim() > 1 else x for name, x in part.items()}
    return part
