"""`nn.Embedding`: y_t = W[id_t], so ∂L/∂W holds b_t in row id_t."""

from torch import Tensor, nn

from core.influence.errors import UncoveredParameterError
from core.influence.gradients.dense import Dense
from core.influence.gradients.form import Gradient
from core.influence.gradients.rows import Rows, scatter
from core.influence.layers.registry import rule
from core.influence.layers.tokens import by_token

SHORT = 64
"""Rows up to which a table's gradient is written out."""


@rule(nn.Embedding, "weight")
def embedding_weight(module: nn.Module, a: Tensor, b: Tensor) -> Gradient:
    """The output-gradients by the row they fall into; the padding row gets none, as in `nn.Embedding` itself.

    A short table (token types, relative-position buckets) is summed up at once.
    """
    assert isinstance(module, nn.Embedding)
    if module.max_norm is not None or module.scale_grad_by_freq:
        raise UncoveredParameterError("An embedding with max_norm or scale_grad_by_freq has no per-example gradient.")
    ids = a.reshape(a.shape[0], -1)  # [B, T]
    b = by_token(b)  # [B, T, H]
    if module.padding_idx is not None:
        b = b.masked_fill((ids == module.padding_idx).unsqueeze(-1), 0.0)
    if module.num_embeddings <= SHORT:
        return Dense(scatter(ids, b, module.num_embeddings).flatten(1))  # [B, V·H]
    return Rows(ids, b)
