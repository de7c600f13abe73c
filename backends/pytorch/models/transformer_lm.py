"""Decoder-only language model.

What is unusual: queries and keys are rotated, then divided by their length, and the queries
multiplied by one learned number per layer; the MLP is gated by a sigmoid; the embedding is the
output layer too; there is no bias and no dropout. Layers that write to the residual stream start
smaller by sqrt(2 depth).

Dimensions: B batch, T tokens, D model width, N heads, K head width, F width of the MLP, V
vocabulary. Under activations in bfloat16, positions, norms and lengths are computed in float32.
"""

import functools
import math

import torch
from torch import Tensor, nn

from backends.pytorch.layers import (
    Dense,
    Embedding,
    Pass,
    RMSNorm,
    add_constant,
    at_least_float32,
    attention,
    declare,
)
from spec.initialization import constant, normal
from spec.models_pb2 import TransformerLM
from spec.parameter_pb2 import (
    ATTENTION_K,
    ATTENTION_OUT,
    ATTENTION_Q,
    ATTENTION_V,
    WEIGHT,
    Initializer,
    Parameter,
)
from spec.positions import rotary

STDDEV = 0.02  # of all initial matrices, before the residual scaling


class CausalAttention(nn.Module):
    """x [B, T, D] -> [B, T, D]."""

    def __init__(self, config: TransformerLM):
        super().__init__()
        heads = (config.num_heads, config.width // config.num_heads)
        dense = functools.partial(Dense, kernel_init=normal(STDDEV), bias_init=None)
        length = config.sequence_length
        scale = Parameter(
            shape=[], type=WEIGHT, initializer=constant(math.log2(length**2 - length))
        )
        declare(self, {"query_scale": scale})
        self.query_scale = nn.Parameter(torch.empty(()))
        self.query = dense(config.width, heads, kernel_type=ATTENTION_Q)
        self.key = dense(config.width, heads, kernel_type=ATTENTION_K)
        self.value = dense(config.width, heads, kernel_type=ATTENTION_V)
        self.out = dense(
            heads, config.width, kernel_type=ATTENTION_OUT, kernel_init=_residual_init(config)
        )
        self.epsilon = config.norm_epsilon
        cosines_TK, sines_TK = rotary(length, heads[1], config.rope_theta)
        add_constant(self, "cosines_TK", cosines_TK)
        add_constant(self, "sines_TK", sines_TK)

    def forward(self, x_BTD: Tensor) -> Tensor:
        q_BTNK, k_BTNK, v_BTNK = self.query(x_BTD), self.key(x_BTD), self.value(x_BTD)
        cosines_TK, sines_TK = (
            table[: x_BTD.shape[1]] for table in (self.cosines_TK, self.sines_TK)
        )
        q_BTNK = unit(rotated(q_BTNK, cosines_TK, sines_TK), self.epsilon) * self.query_scale
        k_BTNK = unit(rotated(k_BTNK, cosines_TK, sines_TK), self.epsilon)
        return self.out(attention(q_BTNK, k_BTNK, v_BTNK, scale=1.0, causal=True))


class GatedMlp(nn.Module):
    """x -> dense2(a * sigmoid(b)) with [a, b] = dense1 x."""

    def __init__(self, config: TransformerLM):
        super().__init__()
        self.dense1 = Dense(
            config.width, 2 * config.mlp_width, kernel_init=normal(STDDEV), bias_init=None
        )
        self.dense2 = Dense(
            config.mlp_width, config.width, kernel_init=_residual_init(config), bias_init=None
        )

    def forward(self, x_BTD: Tensor) -> Tensor:
        a_BTF, b_BTF = torch.chunk(self.dense1(x_BTD), 2, dim=-1)
        return self.dense2(a_BTF * torch.sigmoid(b_BTF))


class Block(nn.Module):
    """x + attention(norm x), then + MLP(norm x)."""

    def __init__(self, config: TransformerLM):
        super().__init__()
        self.rmsnorm1 = RMSNorm(config.width, epsilon=config.norm_epsilon)
        self.attention = CausalAttention(config)
        self.rmsnorm2 = RMSNorm(config.width, epsilon=config.norm_epsilon)
        self.mlp = GatedMlp(config)

    def forward(self, x_BTD: Tensor) -> Tensor:
        x = x_BTD + self.attention(self.rmsnorm1(x_BTD))
        return x + self.mlp(self.rmsnorm2(x))


class Model(nn.Module):
    """tokens int [B, T] -> logits of the next token [B, T, V]."""

    def __init__(self, config: TransformerLM):
        super().__init__()
        self.embedding = Embedding(
            config.vocabulary_size, config.width, normal(STDDEV), tied_to=("head",)
        )
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.depth)])
        self.rmsnorm = RMSNorm(config.width, epsilon=config.norm_epsilon)

    def forward(self, tokens_BT: Tensor, how: Pass) -> Tensor:
        x = self.embedding(tokens_BT)
        for block in self.blocks:
            x = block(x)
        return self.embedding.attend(self.rmsnorm(x))


def rotated(x_BTNK: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions: each pair (x[2i], x[2i+1]) turned by its angle; cosines and sines [T, K/2]."""
    cosines, sines = cosines[:, None, :], sines[:, None, :]
    even, odd = x_BTNK[..., 0::2], x_BTNK[..., 1::2]
    pairs = torch.stack([even * cosines - odd * sines, odd * cosines + even * sines], dim=-1)
    return pairs.reshape(x_BTNK.shape).to(x_BTNK.dtype)


def unit(x: Tensor, epsilon: float) -> Tensor:
    """x over its length along the last axis."""
    exact = at_least_float32(x)
    length = torch.sqrt(torch.sum(torch.square(exact), -1, keepdim=True))
    return (exact / (length + epsilon)).to(x.dtype)


def _residual_init(config: TransformerLM) -> Initializer:
    return normal(STDDEV / math.sqrt(2 * config.depth))
