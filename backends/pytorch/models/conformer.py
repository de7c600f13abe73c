"""Conformer (Gulati et al. 2020, arXiv 2005.08100) as an encoder with a CTC output.

What is unusual: features are computed inside the model; a learned vector scales the queries of all
heads; attention has a gain on its output; batch norm inside the convolution module counts frames
that are not padded; the convolution module's gate has two dense layers in the place of one.

Dimensions: B batch, S samples, T frames, F mel bins, D model width, N heads, K head width.
"""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backends.pytorch.layers import (
    ACTIVATIONS,
    Dense,
    Dropout,
    Pass,
    add_constant,
    declare,
)
from backends.pytorch.speech import (
    LayerNorm,
    LogMelFeatures,
    MaskedBatchNorm,
    SpecAugment,
    Subsampling,
)
from spec import declarations, log_mel
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


class FeedForward(nn.Module):
    """x -> dense2(act(dense1 x)), 0 at padded frames."""

    def __init__(self, config: Conformer):
        super().__init__()
        self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        self.dense1 = Dense(config.width, config.mlp_width, kernel_init=GLOROT_UNIFORM)
        self.dropout1 = Dropout()
        self.dense2 = Dense(config.mlp_width, config.width, kernel_init=GLOROT_UNIFORM)
        self.dropout2 = Dropout()
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BTD: Tensor, paddings_BT: Tensor, how: Pass) -> Tensor:
        mask = 1 - paddings_BT[..., None]
        h = self.activation(self.dense1(self.layernorm(x_BTD)))
        return self.dropout2(self.dense2(self.dropout1(h, how) * mask) * mask, how)


class SelfAttention(nn.Module):
    """Every frame attends to the frames that are not padded."""

    def __init__(self, config: Conformer):
        super().__init__()
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

    def forward(self, x_BTD: Tensor, paddings_BT: Tensor, how: Pass) -> Tensor:
        h = self.layernorm(x_BTD)
        q_BTNK, k_BTNK, v_BTNK = self.query_scale(self.query(h)), self.key(h), self.value(h)
        q, k, v = (x.transpose(1, 2) for x in (q_BTNK, k_BTNK, v_BTNK))
        # A finite number: a row whose frames are all padded must not become NaN.
        unseen = torch.finfo(q.dtype).min * paddings_BT[:, None, None]
        y_BTNK = F.scaled_dot_product_attention(q, k, v, unseen).transpose(1, 2)
        return self.dropout(self.out(y_BTNK * self.temperature), how)


class QueryScale(nn.Module):
    """x [..., K] times softplus(scale)/softplus(0)."""

    def __init__(self, width: int):
        super().__init__()
        declare(self, {"scale": Parameter(shape=[width], type=WEIGHT, initializer=ZEROS)})
        self.weight = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * (F.softplus(self.weight) / math.log(2))


class Convolution(nn.Module):
    """Gate, depthwise convolution over time, batch norm, activation, dense."""

    def __init__(self, config: Conformer):
        super().__init__()
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

    def forward(self, x_BTD: Tensor, paddings_BT: Tensor, how: Pass) -> Tensor:
        h = self.layernorm(x_BTD)
        h = self.dense1(h) * torch.sigmoid(self.gate(h)) * (1 - paddings_BT[..., None])
        h = self.activation(self.batchnorm(self.depthwise_conv(h), paddings_BT, how))
        return self.dropout(self.dense2(h), how)


class DepthwiseConv(nn.Conv1d):
    """x [B, T, D] -> [B, T, D]: each channel convolved over time by itself; no bias."""

    def __init__(self, width: int, window: int):
        super().__init__(width, width, window, padding="same", groups=width, bias=False)
        declare(self, declarations.conv((window,), 1, width, kernel_init=GLOROT_UNIFORM))

    def forward(self, x_BTD: Tensor) -> Tensor:
        return super().forward(x_BTD.transpose(1, 2)).transpose(1, 2)


class Block(nn.Module):
    """Half a feed-forward module, attention, convolution, half a feed-forward module; each in a
    residual branch.
    """

    def __init__(self, config: Conformer):
        super().__init__()
        self.feed_forward1 = FeedForward(config)
        self.attention = SelfAttention(config)
        self.convolution = Convolution(config)
        self.feed_forward2 = FeedForward(config)
        self.block_norm = config.block_norm
        if config.block_norm:
            self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)

    def forward(self, x_BTD: Tensor, paddings_BT: Tensor, how: Pass) -> Tensor:
        x = x_BTD + 0.5 * self.feed_forward1(x_BTD, paddings_BT, how)
        x = x + self.attention(x, paddings_BT, how)
        x = x + self.convolution(x, paddings_BT, how)
        x = x + 0.5 * self.feed_forward2(x, paddings_BT, how)
        return self.layernorm(x) if self.block_norm else x


class Model(nn.Module):
    """(audio [B, S], paddings [B, S]) -> (logits [B, T, vocabulary], paddings [B, T]), one frame
    each 40 ms.
    """

    def __init__(self, config: Conformer):
        super().__init__()
        self.features = LogMelFeatures()
        self.spec_augment = SpecAugment(config.spec_augment)
        self.subsampling = Subsampling(config.width, RELU)
        self.dropout = Dropout()
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.depth)])
        self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        self.head = Dense(
            config.width, config.vocabulary_size, kernel_init=GLOROT_UNIFORM, output_layer=True
        )
        num_frames = -(-log_mel.num_frames(config.num_samples) // 4)
        add_constant(self, "positions", sinusoids(num_frames, config.width))

    def forward(self, inputs: tuple[Tensor, Tensor], how: Pass) -> tuple[Tensor, Tensor]:
        x_BTF, paddings_BT = self.features(*inputs)
        x_BTF = self.spec_augment(x_BTF, paddings_BT, how)
        x, paddings_BT = self.subsampling(x_BTF, paddings_BT)
        x = self.dropout(x + self.positions[: x.shape[1]], how)
        for block in self.blocks:
            x = block(x, paddings_BT, how)
        return self.head(self.layernorm(x)), paddings_BT
