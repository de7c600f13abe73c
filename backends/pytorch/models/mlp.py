"""Perceptron with one hidden layer.

What is unusual: nothing but its sigmoid; it is here to be small.

Dimensions: B batch, H height, W width, C channels.
"""

from torch import Tensor, nn

from backends.pytorch.layers import ACTIVATIONS, Dense, Pass
from spec.models_pb2 import Mlp


class Model(nn.Module):
    """images [B, H, W, C] -> logits [B, num_classes]."""

    def __init__(self, config: Mlp):
        super().__init__()
        pixels = config.image_size**2 * config.num_channels
        self.hidden = Dense(pixels, config.width)
        self.activation = ACTIVATIONS[config.activation]
        self.head = Dense(config.width, config.num_classes, output_layer=True)

    def forward(self, x_BHWC: Tensor, how: Pass) -> Tensor:
        x = x_BHWC.flatten(1)
        return self.head(self.activation(self.hidden(x)))
