"""Work that several parameters share, done once; and memory that is used over and over."""

from collections.abc import Callable

import torch
from torch import Tensor


class Memo:
    """The last result of each kind, kept for as long as the same tensors ask for it, and reusable buffers.

    Query, key and value read one input, so a third of their inner products of inputs is enough. Fresh memory for every
    block would cost as much as filling it.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[Tensor, ...], Tensor]] = {}
        self._buffers: dict[str, Tensor] = {}

    def once(self, kind: str, tensors: tuple[Tensor, ...], make: Callable[[], Tensor]) -> Tensor:
        """`make()`, or what it gave the last time if these very tensors were asked about."""
        held, result = self._last.get(kind, ((), None))
        if result is None or len(held) != len(tensors) or any(x is not y for x, y in zip(held, tensors, strict=True)):
            result = make()
            self._last[kind] = (tensors, result)
        return result

    def buffer(self, kind: str, like: Tensor, *shape: int) -> Tensor:
        """Uninitialised memory of this shape, overwritten by the next one of its kind."""
        size = torch.Size(shape).numel()
        held = self._buffers.get(kind)
        if held is None or held.numel() < size or held.dtype != like.dtype:
            held = self._buffers[kind] = like.new_empty(size)
        return held[:size].view(shape)
