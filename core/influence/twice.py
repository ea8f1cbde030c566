"""GELU differentiated twice in few passes over memory.

torch has its second derivative only as a chain of elementwise products, each in memory of its own, of the widest tensor
of a transformer block. Here they are taken in place, and on a CPU piece by piece, so that a piece stays in its caches.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

PIECE = 2**18
"""Elements that are worked on at once on a CPU: one megabyte a tensor in float32."""


class Gelus(TorchFunctionMode):
    """While it is entered, exact GELUs are computed by `gelu`."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.gelu and len(args) == 1 and (kwargs or {}).get("approximate", "none") == "none":
            return gelu(args[0])
        return func(*args, **(kwargs or {}))


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.gelu(x)

    @staticmethod
    def backward(ctx: Any, at_y: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _derivative(at_y, x)


class _Derivative(torch.autograd.Function):
    """`g · f'(x)` for `f(x) = x Φ(x)`: `f' = Φ + x φ`, `f'' = φ · (2 − x²)`, φ the normal density."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(g, x)
        found: Tensor = torch.ops.aten.gelu_backward(g, x)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, at_product: Tensor) -> tuple[Tensor, Tensor]:
        g, x = ctx.saved_tensors
        at_g = torch.ops.aten.gelu_backward(at_product, x)
        return at_g, _second(x, g, at_product)


def _second(x: Tensor, g: Tensor, at_product: Tensor) -> Tensor:
    """`at_product · g · f''(x)`."""
    factors = [one.contiguous() for one in (x, g, at_product)]
    found = torch.empty_like(factors[0])
    piece = PIECE if x.device.type == "cpu" else max(x.numel(), 1)
    for at_x, x_, g_, at_product_ in zip(*(torch.split(one.view(-1), piece) for one in (found, *factors)), strict=True):
        square = x_ * x_
        torch.mul(square, -0.5, out=at_x).exp_().mul_(square.neg_().add_(2.0)).mul_(g_).mul_(at_product_)
        at_x.mul_(1 / math.sqrt(2 * math.pi))
    return found


gelu: Callable[[Tensor], Tensor] = _Gelu.apply
"""`x Φ(x)` elementwise, differentiable twice."""

_derivative: Callable[[Tensor, Tensor], Tensor] = _Derivative.apply
