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

import jax
import numpy as np
from flax import nnx
from jax import numpy as jnp

from backends.jax.layers import (
    Array,
    Dense,
    Embedding,
    Pass,
    RMSNorm,
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


class CausalAttention(nnx.Module):
    """x [B, T, D] -> [B, T, D]."""

    def __init__(self, config: TransformerLM):
        heads = (config.num_heads, config.width // config.num_heads)
        dense = functools.partial(Dense, kernel_init=normal(STDDEV), bias_init=None)
        length = config.sequence_length
        scale = Parameter(
            shape=[], type=WEIGHT, initializer=constant(math.log2(length**2 - length))
        )
        declare(self, {"query_scale": scale})
        self.query = dense(config.width, heads, kernel_type=ATTENTION_Q)
        self.key = dense(config.width, heads, kernel_type=ATTENTION_K)
        self.value = dense(config.width, heads, kernel_type=ATTENTION_V)
        self.out = dense(
            heads, config.width, kernel_type=ATTENTION_OUT, kernel_init=_residual_init(config)
        )
        self.epsilon = config.norm_epsilon
        self.theta = config.rope_theta

    def __call__(self, x_BTD: Array) -> Array:
        q_BTNK, k_BTNK, v_BTNK = self.query(x_BTD), self.key(x_BTD), self.value(x_BTD)
        cosines_TK, sines_TK = rotary(q_BTNK.shape[1], q_BTNK.shape[3], self.theta)
        q_BTNK = unit(rotated(q_BTNK, cosines_TK, sines_TK), self.epsilon) * self.query_scale[...]
        k_BTNK = unit(rotated(k_BTNK, cosines_TK, sines_TK), self.epsilon)
        return self.out(attention(q_BTNK, k_BTNK, v_BTNK, scale=1.0, causal=True))


class GatedMlp(nnx.Module):
    """x -> dense2(a * sigmoid(b)) with [a, b] = dense1 x."""

    def __init__(self, config: TransformerLM):
        self.dense1 = Dense(
            config.width, 2 * config.mlp_width, kernel_init=normal(STDDEV), bias_init=None
        )
        self.dense2 = Dense(
            config.mlp_width, config.width, kernel_init=_residual_init(config), bias_init=None
        )

    def __call__(self, x_BTD: Array) -> Array:
        a_BTF, b_BTF = jnp.split(self.dense1(x_BTD), 2, axis=-1)
        return self.dense2(a_BTF * jax.nn.sigmoid(b_BTF))


class Block(nnx.Module):
    """x + attention(norm x), then + MLP(norm x)."""

    def __init__(self, config: TransformerLM):
        self.rmsnorm1 = RMSNorm(config.width, epsilon=config.norm_epsilon)
        self.attention = CausalAttention(config)
        self.rmsnorm2 = RMSNorm(config.width, epsilon=config.norm_epsilon)
        self.mlp = GatedMlp(config)

    def __call__(self, x_BTD: Array) -> Array:
        x = x_BTD + self.attention(self.rmsnorm1(x_BTD))
        return x + self.mlp(self.rmsnorm2(x))


class Model(nnx.Module):
    """tokens int [B, T] -> logits of the next token [B, T, V]."""

    def __init__(self, config: TransformerLM):
        self.embedding = Embedding(
            config.vocabulary_size, config.width, normal(STDDEV), tied_to=("head",)
        )
        self.blocks = nnx.List([Block(config) for _ in range(config.depth)])
        self.rmsnorm = RMSNorm(config.width, epsilon=config.norm_epsilon)

    def __call__(self, tokens_BT: Array, how: Pass) -> Array:
        x = self.embedding(tokens_BT)
        for block in self.blocks:
            x = block(x)
        return self.embedding.attend(self.rmsnorm(x))


def rotated(x_BTNK: Array, cosines: np.ndarray, sines: np.ndarray) -> Array:
    """Rotary positions: each pair (x[2i], x[2i+1]) turned by its angle; cosines and sines [T, K/2]."""
    cosines, sines = cosines[:, None, :], sines[:, None, :]
    even, odd = x_BTNK[..., 0::2], x_BTNK[..., 1::2]
    pairs = jnp.stack([even * cosines - odd * sines, odd * cosines + even * sines], axis=-1)
    return pairs.reshape(x_BTNK.shape).astype(x_BTNK.dtype)


def unit(x: Array, epsilon: float) -> Array:
    """x over its length along the last axis."""
    exact = at_least_float32(x)
    length = jnp.sqrt(jnp.sum(jnp.square(exact), -1, keepdims=True))
    return (exact / (length + epsilon)).astype(x.dtype)


def _residual_init(config: TransformerLM) -> Initializer:
    return normal(STDDEV / math.sqrt(2 * config.depth))
