"""`nn.Linear`: y_t = W a_t + c, so ∂L/∂W = Σ_t b_t ⊗ a_t."""

from torch import Tensor, nn

from core.influence.gradients.form import Gradient
from core.influence.gradients.outer import Outer
from core.influence.layers.registry import rule
from core.influence.layers.tokens import by_token


@rule(nn.Linear, "weight")
def linear_weight(_module: nn.Module, a: Tensor, b: Tensor) -> Gradient:
    """Sum of outer products over tokens, kept as its factors."""
    return Outer(by_token(a), by_token(b))
