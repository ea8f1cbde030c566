"""Shapes: whatever lies between the batch axis and the features counts as tokens."""

from torch import Tensor


def by_token(x: Tensor) -> Tensor:
    """`[B, …, H]` → `[B, T, H]`; a pooled vector `[B, H]` is one token."""
    return x if x.dim() == 3 else x.reshape(x.shape[0], -1, x.shape[-1])  # [B, T, H]
