"""Vision Transformer (Dosovitskiy et al. 2020, arXiv 2010.11929).

What is unusual: fixed 2-d sin-cos positions, no class token, mean pooling (or attention pooling), a
tanh layer before the head; the MLP may be gated by its own activated hidden layer; norms may come
after the residual sum.

Dimensions: B batch, H height, W width, C channels, T tokens, D model width.
"""

import functools

import torch
from torch import Tensor, nn

from backends.pytorch.layers import (
    ACTIVATIONS,
    Conv,
    Dense,
    Dropout,
    LayerNorm,
    MultiHeadAttention,
    Pass,
    add_constant,
    declare,
)
from spec.initialization import GLOROT_UNIFORM, ZEROS, normal
from spec.models_pb2 import GELU_TANH, ViT
from spec.parameter_pb2 import WEIGHT, Parameter
from spec.positions import sincos_2d


class Mlp(nn.Module):
    """x -> dense2(act(dense1 x)); gated: with h = act(dense1 x), dense2(h * gate(h))."""

    def __init__(self, config: ViT, *, gated: bool):
        super().__init__()
        dense = functools.partial(Dense, kernel_init=GLOROT_UNIFORM, bias_init=normal(1e-6))
        self.dense1 = dense(config.width, config.mlp_width)
        self.gated = gated
        if gated:
            self.gate = dense(config.mlp_width, config.mlp_width)
        self.dropout = Dropout()
        self.dense2 = dense(config.mlp_width, config.width)

    def forward(self, x_BTD: Tensor, how: Pass) -> Tensor:
        h = ACTIVATIONS[GELU_TANH](self.dense1(x_BTD))
        if self.gated:
            h = h * self.gate(h)
        return self.dense2(self.dropout(h, how))


class Block(nn.Module):
    """Attention and MLP, each in a residual branch with its norm before the branch or after the
    sum.
    """

    def __init__(self, config: ViT):
        super().__init__()
        self.layernorm1 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.attention = MultiHeadAttention(
            config.width, config.num_heads, kernel_init=GLOROT_UNIFORM
        )
        self.dropout1 = Dropout()
        self.layernorm2 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.mlp = Mlp(config, gated=config.gated)
        self.dropout2 = Dropout()
        self.post_norm = config.post_norm

    def forward(self, x_BTD: Tensor, how: Pass) -> Tensor:
        if self.post_norm:
            x = self.layernorm1(x_BTD + self.dropout1(self.attention(x_BTD, x_BTD), how))
            return self.layernorm2(x + self.dropout2(self.mlp(x, how), how))
        h = self.layernorm1(x_BTD)
        x = x_BTD + self.dropout1(self.attention(h, h), how)
        return x + self.dropout2(self.mlp(self.layernorm2(x), how), how)


class AttentionPool(nn.Module):
    """tokens [B, T, D] -> [B, D]: one learned query attends to all tokens, then a residual MLP
    without dropout or gate.
    """

    def __init__(self, config: ViT):
        super().__init__()
        probe = Parameter(
            shape=[1, 1, config.width],
            type=WEIGHT,
            fan_in=1,
            fan_out=config.width,
            initializer=GLOROT_UNIFORM,
        )
        declare(self, {"probe": probe})
        self.probe = nn.Parameter(torch.empty(1, 1, config.width))
        self.attention = MultiHeadAttention(
            config.width, config.num_heads, kernel_init=GLOROT_UNIFORM
        )
        self.layernorm = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.mlp = Mlp(config, gated=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        probe = self.probe.expand(x_BTD.shape[0], -1, -1)
        y = self.attention(probe, x_BTD)
        return (y + self.mlp(self.layernorm(y), Pass(train=False)))[:, 0]


class Model(nn.Module):
    """images [B, H, W, C] -> logits [B, num_classes]."""

    def __init__(self, config: ViT):
        super().__init__()
        patch = (config.patch_size, config.patch_size)
        self.patch_conv = Conv(
            config.num_channels,
            config.width,
            patch,
            stride=config.patch_size,
            padding="VALID",
            bias_init=ZEROS,
        )
        self.dropout = Dropout()
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.depth)])
        self.post_norm = config.post_norm
        if not config.post_norm:
            self.layernorm = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.attention_pooling = config.pool == ViT.MULTIHEAD_ATTENTION
        if self.attention_pooling:
            self.attention_pool = AttentionPool(config)
        self.pre_logits = Dense(config.width, config.width)
        self.head = Dense(config.width, config.num_classes, kernel_init=ZEROS, output_layer=True)
        side = config.image_size // config.patch_size
        add_constant(self, "positions", sincos_2d(side, side, config.width))

    def forward(self, x_BHWC: Tensor, how: Pass) -> Tensor:
        x_BDHW = self.patch_conv(x_BHWC.permute(0, 3, 1, 2))
        x = x_BDHW.flatten(2).transpose(1, 2) + self.positions
        x = self.dropout(x, how)
        for block in self.blocks:
            x = block(x, how)
        if not self.post_norm:
            x = self.layernorm(x)
        pooled_BD = self.attention_pool(x) if self.attention_pooling else torch.mean(x, 1)
        return self.head(torch.tanh(self.pre_logits(pooled_BD)))
