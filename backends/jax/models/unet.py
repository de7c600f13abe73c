"""U-Net (Ronneberger et al. 2015, arXiv 1505.04597) as fastMRI's baseline (Zbontar et al. 2018,
arXiv 1811.08839) has it.

What is unusual: average pooling; norms without scale or bias (or layer norm over the whole
example, but not after transposed convolutions); dropout of whole channels.

Dimensions: B batch, H height, W width, C channels.
"""

from flax import nnx
from jax import numpy as jnp

from backends.jax.layers import (
    ACTIVATIONS,
    Array,
    ChannelDropout,
    Conv,
    ConvTranspose,
    ImageLayerNorm,
    InstanceNorm,
    Pass,
    mean_pool,
)
from spec.initialization import ZEROS
from spec.models_pb2 import UNet


class ConvBlock(nnx.Module):
    """Twice: 3x3 convolution, norm, activation, dropout."""

    def __init__(self, config: UNet, inputs: int, outputs: int):
        self.conv1 = Conv(inputs, outputs, (3, 3))
        self.layernorm1 = _norm(config, outputs)
        self.dropout1 = ChannelDropout()
        self.conv2 = Conv(outputs, outputs, (3, 3))
        self.layernorm2 = _norm(config, outputs)
        self.dropout2 = ChannelDropout()
        self.activation = ACTIVATIONS[config.activation]

    def __call__(self, x_BHWC: Array, how: Pass) -> Array:
        x = self.dropout1(self.activation(self.layernorm1(self.conv1(x_BHWC))), how)
        return self.dropout2(self.activation(self.layernorm2(self.conv2(x))), how)


class UpBlock(nnx.Module):
    """Twice the size, half the channels; joined with the skipped image of that size; ConvBlock."""

    def __init__(self, config: UNet, inputs: int):
        outputs = inputs // 2
        self.transposed_conv = ConvTranspose(inputs, outputs, 2)
        self.instancenorm = InstanceNorm(epsilon=config.instance_norm_epsilon)
        self.activation = ACTIVATIONS[config.activation]
        self.block = ConvBlock(config, inputs, outputs)

    def __call__(self, x_BHWC: Array, skipped_BHWC: Array, how: Pass) -> Array:
        x = self.activation(self.instancenorm(self.transposed_conv(x_BHWC)))
        return self.block(jnp.concatenate([x, skipped_BHWC], -1), how)


class Model(nnx.Module):
    """images [B, H, W] -> images [B, H, W]; H and W are multiples of 2^depth."""

    def __init__(self, config: UNet):
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        inputs = [1, *widths]
        self.down = nnx.List([ConvBlock(config, inputs[n], widths[n]) for n in range(config.depth)])
        self.bottleneck = ConvBlock(config, widths[-2], widths[-1])
        self.up = nnx.List([UpBlock(config, width) for width in reversed(widths[1:])])
        self.head_conv = Conv(config.width, 1, (1, 1), bias_init=ZEROS, output_layer=True)

    def __call__(self, x_BHW: Array, how: Pass) -> Array:
        x = x_BHW[..., None]
        skipped = []
        for down in self.down:
            x = down(x, how)
            skipped.append(x)
            x = mean_pool(x, window=2, stride=2)
        x = self.bottleneck(x, how)
        for up in self.up:
            x = up(x, skipped.pop(), how)
        return self.head_conv(x)[..., 0]


def _norm(config: UNet, width: int) -> InstanceNorm | ImageLayerNorm:
    if config.norm == UNet.LAYER:
        return ImageLayerNorm(width, epsilon=config.layer_norm_epsilon)
    return InstanceNorm(epsilon=config.instance_norm_epsilon)
