"""Memory that is used over and over: fresh memory for every block would cost as much as filling it."""

import torch
from torch import Tensor


class Buffers:
    """Blocks of uninitialised memory by name; taking one again overwrites what it held."""

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def take(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """A contiguous tensor of this shape, with the dtype and device of `like`."""
        size = torch.Size(shape).numel()
        held = self._held.get(name)
        if held is None or held.numel() < size or held.dtype != like.dtype or held.device != like.device:
            held = self._held[name] = like.new_empty(size)
        return held[:size].view(shape)
