"""The conditions under which every gradient is taken: evaluation mode and full precision."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from core.influence.errors import InfluenceError
from core.influence.twice import Gelus


@contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Dropout off for the duration, each module's own mode restored after.

    Two dropout masks of one example give gradients whose cosine is far from 1, so influence in training mode would
    measure the masks.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def exact_arithmetic(model: nn.Module, *, tf32: bool = False, twice: bool = False) -> Iterator[None]:
    """Float32 or float64 products, no autocast; TF32 only when asked for by name.

    With `twice`, scaled-dot-product attention takes its plain form, since the fused ones cannot be differentiated twice,
    and GELUs take the form of `core.influence.twice`.

    Raises:
        InfluenceError: the model's parameters are in half precision, whose cosines err by about 1e-2.
    """
    dtypes = {parameter.dtype for parameter in model.parameters()}
    if not dtypes <= {torch.float32, torch.float64}:
        names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
        raise InfluenceError(f"Influence needs a float32 or float64 model, this one holds {names}: call model.float().")
    device = next(model.parameters()).device.type
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.autocast(device, enabled=False))
            if twice:
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
                stack.enter_context(Gelus())
            yield
    finally:
        torch.set_float32_matmul_precision(before)
