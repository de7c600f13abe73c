"""Perceptron with one hidden layer.

What is unusual: nothing but its sigmoid; it is here to be small.

Dimensions: B batch, H height, W width, C channels.
"""

from flax import nnx

from backends.jax.layers import ACTIVATIONS, Array, Dense, Pass
from spec.models_pb2 import Mlp


class Model(nnx.Module):
    """images [B, H, W, C] -> logits [B, num_classes]."""

    def __init__(self, config: Mlp):
        pixels = config.image_size**2 * config.num_channels
        self.hidden = Dense(pixels, config.width)
        self.activation = ACTIVATIONS[config.activation]
        self.head = Dense(config.width, config.num_classes, output_layer=True)

    def __call__(self, x_BHWC: Array, how: Pass) -> Array:
        x = x_BHWC.reshape(x_BHWC.shape[0], -1)
        return self.head(self.activation(self.hidden(x)))
