"""`nn.LayerNorm`: y_t = w ∘ x̂_t + c with x̂ the normalised input, so ∂L/∂w = Σ_t x̂_t ∘ b_t."""

from torch import Tensor, nn
from torch.nn import functional as F

from core.influence.gradients.dense import Dense
from core.influence.gradients.form import Gradient
from core.influence.layers.registry import rule
from core.influence.layers.tokens import by_token


@rule(nn.LayerNorm, "weight")
def layer_norm_weight(module: nn.Module, a: Tensor, b: Tensor) -> Gradient:
    """Normalised inputs times output-gradients, summed over tokens."""
    assert isinstance(module, nn.LayerNorm)
    normalised = F.layer_norm(by_token(a), module.normalized_shape, eps=module.eps)  # [B, T, H]
    return Dense((normalised * by_token(b)).sum(1))  # [B, H]
