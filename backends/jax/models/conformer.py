"""Conformer (Gulati et al. 2020, arXiv 2005.08100) as an encoder with a CTC output.

What is unusual: features are computed inside the model; a learned vector scales the queries of all
heads; attention has a gain on its output; batch norm inside the convolution module counts frames
that are not padded; the convolution module's gate has two dense layers in the place of one.

Dimensions: B batch, S samples, T frames, F mel bins, D model width, N heads, K head width.
"""

import functools
import math

import jax
from flax import nnx
from jax import numpy as jnp

from backends.jax.layers import (
    ACTIVATIONS,
    Array,
    Conv,
    Dense,
    Dropout,
    Pass,
    attention,
    declare,
)
from backends.jax.speech import (
    LayerNorm,
    LogMelFeatures,
    MaskedBatchNorm,
    SpecAugment,
    Subsampling,
)
from spec.initialization import GLOROT_UNIFORM, ZEROS
from spec.models_pb2 import RELU, Conformer
from spec.parameter_pb2 import (
    ATTENTION_BIAS,
    ATTENTION_K,
    ATTENTION_OUT,
    ATTENTION_Q,
    ATTENTION_V,
    CONV_WEIGHT,
    WEIGHT,
    Parameter,
)
from spec.positions import sinusoids


class FeedForward(nnx.Module):
    """x -> dense2(act(dense1 x)), 0 at padded frames."""

    def __init__(self, config: Conformer):
        self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        self.dense1 = Dense(config.width, config.mlp_width, kernel_init=GLOROT_UNIFORM)
        self.dropout1 = Dropout()
        self.dense2 = Dense(config.mlp_width, config.width, kernel_init=GLOROT_UNIFORM)
        self.dropout2 = Dropout()
        self.activation = ACTIVATIONS[config.activation]

    def __call__(self, x_BTD: Array, paddings_BT: Array, how: Pass) -> Array:
        mask = 1 - paddings_BT[..., None]
        h = self.activation(self.dense1(self.layernorm(x_BTD)))
        return self.dropout2(self.dense2(self.dropout1(h, how) * mask) * mask, how)


class SelfAttention(nnx.Module):
    """Every frame attends to the frames that are not padded."""

    def __init__(self, config: Conformer):
        heads = (config.num_heads, config.width // config.num_heads)
        dense = functools.partial(Dense, kernel_init=GLOROT_UNIFORM, bias_type=ATTENTION_BIAS)
        self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        self.query = dense(config.width, heads, kernel_type=ATTENTION_Q)
        self.query_scale = QueryScale(heads[1])
        self.key = dense(config.width, heads, kernel_type=ATTENTION_K)
        self.value = dense(config.width, heads, kernel_type=ATTENTION_V)
        self.out = dense(heads, config.width, kernel_type=ATTENTION_OUT)
        self.dropout = Dropout()
        self.temperature = config.attention_temperature

    def __call__(self, x_BTD: Array, paddings_BT: Array, how: Pass) -> Array:
        h = self.layernorm(x_BTD)
        q_BTNK, k_BTNK, v_BTNK = self.query_scale(self.query(h)), self.key(h), self.value(h)
        # A finite number: a row whose frames are all padded must not become NaN.
        unseen = jnp.finfo(x_BTD.dtype).min * paddings_BT[:, None, None, :]
        scale = 1 / math.sqrt(q_BTNK.shape[-1])
        y_BTNK = attention(q_BTNK, k_BTNK, v_BTNK, scale=scale, bias=unseen)
        return self.dropout(self.out(y_BTNK * self.temperature), how)


class QueryScale(nnx.Module):
    """x [..., K] times softplus(scale)/softplus(0)."""

    def __init__(self, width: int):
        declare(self, {"scale": Parameter(shape=[width], type=WEIGHT, initializer=ZEROS)})

    def __call__(self, x: Array) -> Array:
        return x * (jax.nn.softplus(self.scale[...]) / math.log(2))


class Convolution(nnx.Module):
    """Gate, depthwise convolution over time, batch norm, activation, dense."""

    def __init__(self, config: Conformer):
        dense = functools.partial(
            Dense,
            config.width,
            config.width,
            kernel_init=GLOROT_UNIFORM,
            kernel_type=CONV_WEIGHT,
        )
        self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        self.dense1 = dense()
        self.gate = dense()
        self.depthwise_conv = DepthwiseConv(config.width, config.window)
        self.batchnorm = MaskedBatchNorm(
            config.width, decay=config.batch_norm_decay, epsilon=config.batch_norm_epsilon
        )
        self.dense2 = dense()
        self.dropout = Dropout()
        self.activation = ACTIVATIONS[config.activation]

    def __call__(self, x_BTD: Array, paddings_BT: Array, how: Pass) -> Array:
        h = self.layernorm(x_BTD)
        h = self.dense1(h) * jax.nn.sigmoid(self.gate(h)) * (1 - paddings_BT[..., None])
        h = self.activation(self.batchnorm(self.depthwise_conv(h), paddings_BT, how))
        return self.dropout(self.dense2(h), how)


class DepthwiseConv(Conv):
    """x [B, T, D] -> [B, T, D]: each channel convolved over time by itself; no bias."""

    def __init__(self, width: int, window: int):
        super().__init__(1, width, (window,), kernel_init=GLOROT_UNIFORM)
        self.width = width

    def __call__(self, x_BTD: Array) -> Array:
        return jax.lax.conv_general_dilated(
            x_BTD,
            self.kernel[...],
            self.strides,
            self.padding,
            dimension_numbers=("NHC", "HIO", "NHC"),
            feature_group_count=self.width,
        )


class Block(nnx.Module):
    """Half a feed-forward module, attention, convolution, half a feed-forward module; each in a
    residual branch.
    """

    def __init__(self, config: Conformer):
        self.feed_forward1 = FeedForward(config)
        self.attention = SelfAttention(config)
        self.convolution = Convolution(config)
        self.feed_forward2 = FeedForward(config)
        self.block_norm = config.block_norm
        if config.block_norm:
            self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)

    def __call__(self, x_BTD: Array, paddings_BT: Array, how: Pass) -> Array:
        x = x_BTD + 0.5 * self.feed_forward1(x_BTD, paddings_BT, how)
        x = x + self.attention(x, paddings_BT, how)
        x = x + self.convolution(x, paddings_BT, how)
        x = x + 0.5 * self.feed_forward2(x, paddings_BT, how)
        return self.layernorm(x) if self.block_norm else x


class Model(nnx.Module):
    """(audio [B, S], paddings [B, S]) -> (logits [B, T, vocabulary], paddings [B, T]), one frame
    each 40 ms.
    """

    def __init__(self, config: Conformer):
        self.features = LogMelFeatures()
        self.spec_augment = SpecAugment(config.spec_augment)
        self.subsampling = Subsampling(config.width, RELU)
        self.dropout = Dropout()
        self.blocks = nnx.List([Block(config) for _ in range(config.depth)])
        self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        self.head = Dense(
            config.width, config.vocabulary_size, kernel_init=GLOROT_UNIFORM, output_layer=True
        )

    def __call__(self, inputs: tuple[Array, Array], how: Pass) -> tuple[Array, Array]:
        x_BTF, paddings_BT = self.features(*inputs)
        x_BTF = self.spec_augment(x_BTF, paddings_BT, how)
        x, paddings_BT = self.subsampling(x_BTF, paddings_BT)
        x = self.dropout(x + sinusoids(*x.shape[1:]), how)
        for block in self.blocks:
            x = block(x, paddings_BT, how)
        return self.head(self.layernorm(x)), paddings_BT
