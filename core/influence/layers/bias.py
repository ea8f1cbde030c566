"""Any bias: y_t = … + c, so ∂L/∂c = Σ_t b_t."""

from torch import Tensor, nn

from core.influence.gradients.dense import Dense
from core.influence.gradients.form import Gradient
from core.influence.layers.registry import rule
from core.influence.layers.tokens import by_token


@rule(nn.Linear, "bias")
@rule(nn.LayerNorm, "bias")
def bias(_module: nn.Module, _a: Tensor, b: Tensor) -> Gradient:
    """The output-gradients summed over tokens."""
    return Dense(by_token(b).sum(1))  # [B, H]
