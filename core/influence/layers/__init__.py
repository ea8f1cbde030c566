"""One rule per parameter of a layer type: how its per-example gradient follows from the layer's input and output."""

from core.influence.layers import bias, embedding, layer_norm, linear

__all__ = ["bias", "embedding", "layer_norm", "linear"]
