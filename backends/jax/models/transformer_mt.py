"""Encoder and decoder for translation (Vaswani et al. 2017, arXiv 1706.03762).

What is unusual: one embedding, not scaled, for both languages and the output layer, whose logits are
divided by sqrt(D); sinusoid positions with all sines before all cosines; no biases in attention, and
no dropout of its weights; the perceptron may be gated by a second map of its input; norms may come
after the residual sum. Rows may hold several sentences, packed.

Dimensions: B batch, T target tokens, S source tokens, D model width, N heads, K head width, H
hypotheses, V vocabulary.
"""

import functools
import math

from flax import nnx
from jax import numpy as jnp

from backends.jax import beam
from backends.jax.layers import (
    ACTIVATIONS,
    Array,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    Pass,
    attention,
)
from spec.initialization import GLOROT_UNIFORM, normal
from spec.models_pb2 import TransformerMT
from spec.parameter_pb2 import ATTENTION_K, ATTENTION_OUT, ATTENTION_Q, ATTENTION_V
from spec.positions import sincos_1d

# Added to logits of masked pairs. Finite, so that a query which may attend to nothing attends to
# everything alike; so large that whatever it is added to is lost in rounding.
MASKED = -1e30

Batch = dict[str, Array]
KeysValues = tuple[Array, Array]  # [B, S, N, K] each


class Attention(nnx.Module):
    """queries [B, T, D], keys-values [B, S, D] -> [B, T, D]; `bias` [B, 1, T, S] is added to the
    logits.
    """

    def __init__(self, config: TransformerMT):
        heads = (config.num_heads, config.width // config.num_heads)
        dense = functools.partial(Dense, kernel_init=GLOROT_UNIFORM, bias_init=None)
        self.query = dense(config.width, heads, kernel_type=ATTENTION_Q)
        self.key = dense(config.width, heads, kernel_type=ATTENTION_K)
        self.value = dense(config.width, heads, kernel_type=ATTENTION_V)
        self.out = dense(heads, config.width, kernel_type=ATTENTION_OUT)
        self.scale = config.attention_temperature / math.sqrt(heads[1])

    def __call__(self, x_BTD: Array, memory_BSD: Array, bias: Array) -> Array:
        return self.attend(x_BTD, self.keys_values(memory_BSD), bias)

    def keys_values(self, memory_BSD: Array) -> KeysValues:
        return self.key(memory_BSD), self.value(memory_BSD)

    def attend(self, x_BTD: Array, keys_values: KeysValues, bias: Array) -> Array:
        q_BTNK = self.query(x_BTD)
        return self.out(attention(q_BTNK, *keys_values, scale=self.scale, bias=bias))


class Mlp(nnx.Module):
    """x -> dense2(act(dense1 x)); gated: dense2(act(dense1 x) * gate x)."""

    def __init__(self, config: TransformerMT):
        dense = functools.partial(Dense, kernel_init=GLOROT_UNIFORM, bias_init=normal(1e-6))
        self.dense1 = dense(config.width, config.mlp_width)
        self.gated = config.gated
        if config.gated:
            self.gate = dense(config.width, config.mlp_width)
        self.dropout1 = Dropout()
        self.dense2 = dense(config.mlp_width, config.width)
        self.dropout2 = Dropout()
        self.activation = config.activation

    def __call__(self, x_BTD: Array, how: Pass) -> Array:
        h = ACTIVATIONS[self.activation](self.dense1(x_BTD))
        if self.gated:
            h = h * self.gate(x_BTD)
        return self.dropout2(self.dense2(self.dropout1(h, how)), how)


class EncoderBlock(nnx.Module):
    """Attention and perceptron, each in a residual branch with its norm before the branch or after
    the sum.
    """

    def __init__(self, config: TransformerMT):
        self.layernorm1 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.attention = Attention(config)
        self.dropout = Dropout()
        self.layernorm2 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.mlp = Mlp(config)
        self.post_norm = config.post_norm

    def __call__(self, x_BSD: Array, bias: Array, how: Pass) -> Array:
        if self.post_norm:
            x = x_BSD + self.dropout(self.attention(x_BSD, x_BSD, bias), how)
            x = self.layernorm1(x)
            return self.layernorm2(x + self.mlp(x, how))
        h = self.layernorm1(x_BSD)
        x = x_BSD + self.dropout(self.attention(h, h, bias), how)
        return x + self.mlp(self.layernorm2(x), how)


class DecoderBlock(nnx.Module):
    """As the encoder's, with attention to the source between the two."""

    def __init__(self, config: TransformerMT):
        self.layernorm1 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.attention = Attention(config)
        self.dropout1 = Dropout()
        self.layernorm2 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.cross_attention = Attention(config)
        self.dropout2 = Dropout()
        self.layernorm3 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.mlp = Mlp(config)
        self.post_norm = config.post_norm

    def __call__(
        self, x_BTD: Array, memory_BSD: Array, bias: Array, cross_bias: Array, how: Pass
    ) -> Array:
        h = self.before(x_BTD)
        x = x_BTD + self.dropout1(self.attention(h, h, bias), how)
        return self.after(x, self.cross_attention.keys_values(memory_BSD), cross_bias, how)

    def before(self, x_BTD: Array) -> Array:
        """What attention to earlier tokens sees of x."""
        return x_BTD if self.post_norm else self.layernorm1(x_BTD)

    def after(self, x_BTD: Array, memory: KeysValues, cross_bias: Array, how: Pass) -> Array:
        """What follows that attention's residual sum."""
        if self.post_norm:
            x = self.layernorm1(x_BTD)
            h = self.cross_attention.attend(x, memory, cross_bias)
            x = self.layernorm2(x + self.dropout2(h, how))
            return self.layernorm3(x + self.mlp(x, how))
        h = self.cross_attention.attend(self.layernorm2(x_BTD), memory, cross_bias)
        x = x_BTD + self.dropout2(h, how)
        return x + self.mlp(self.layernorm3(x), how)

    def step(
        self, x_BHD: Array, memory: KeysValues, cross_bias: Array, cache: KeysValues, index: Array
    ) -> tuple[Array, KeysValues]:
        """Token number `index` of every hypothesis; `cache` [B, H, T, N, K] has keys and values of
        the tokens before it.
        """
        batch_size, num_beams, width = x_BHD.shape
        x_1D = x_BHD.reshape(batch_size * num_beams, 1, width)
        h = self.before(x_1D)
        keys, values = (
            old.at[:, :, index].set(new.reshape(batch_size, num_beams, *new.shape[2:]))
            for old, new in zip(cache, self.attention.keys_values(h), strict=True)
        )
        earlier = (keys.reshape(-1, *keys.shape[2:]), values.reshape(-1, *values.shape[2:]))
        bias_T = jnp.where(jnp.arange(keys.shape[2]) <= index, 0, MASKED)
        x_1D = x_1D + self.attention.attend(h, earlier, bias_T[None, None, None])
        x_BHD = self.after(x_1D.reshape(x_BHD.shape), memory, cross_bias, Pass(train=False))
        return x_BHD, (keys, values)


class Model(nnx.Module):
    """A batch with `inputs` [B, S] and `targets` [B, T], int and 0 where filled up, -> logits of each
    target token given those before it, [B, T, V].

    A packed batch has the number of each token's sentence, from 1, under `inputs_segmentation` and
    `targets_segmentation`, and its place in the sentence under `inputs_position` and
    `targets_position`, all of the shape of the tokens.
    """

    takes_batch = True

    def __init__(self, config: TransformerMT):
        self.embedding = Embedding(
            config.vocabulary_size, config.width, normal(1.0), tied_to=("head",)
        )
        self.encoder_dropout = Dropout()
        self.encoder = nnx.List([EncoderBlock(config) for _ in range(config.depth)])
        self.post_norm = config.post_norm
        if not config.post_norm:
            self.encoder_layernorm = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.decoder_dropout = Dropout()
        self.decoder = nnx.List([DecoderBlock(config) for _ in range(config.depth)])
        if not config.post_norm:
            self.decoder_layernorm = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.config = config

    def __call__(self, batch: Batch, how: Pass) -> Array:
        memory_BSD = self.encode(batch, how)
        targets_BT = batch["targets"]
        earlier_BT = jnp.pad(targets_BT[:, :-1], ((0, 0), (1, 0)))
        x = self.embedded(earlier_BT, batch.get("targets_position"))
        x = self.decoder_dropout(x, how)
        segments = batch.get("targets_segmentation")
        seen = pairs(targets_BT, targets_BT, segments, segments)
        bias = added(seen & jnp.tri(targets_BT.shape[1], dtype=bool))
        cross_bias = added(
            pairs(targets_BT, batch["inputs"], segments, batch.get("inputs_segmentation"))
        )
        for block in self.decoder:
            x = block(x, memory_BSD, bias, cross_bias, how)
        return self.logits(x)

    def encode(self, batch: Batch, how: Pass) -> Array:
        """The source as the decoder attends to it, [B, S, D]."""
        inputs_BS, segments = batch["inputs"], batch.get("inputs_segmentation")
        x = self.embedded(inputs_BS, batch.get("inputs_position"))
        x = self.encoder_dropout(x, how)
        bias = added(pairs(inputs_BS, inputs_BS, segments, segments))
        for block in self.encoder:
            x = block(x, bias, how)
        return x if self.post_norm else self.encoder_layernorm(x)

    def translate(self, batch: Batch) -> Array:
        """The best translation of every row of unpacked `inputs` that beam search finds, int32
        [B, max_length - 1]: up to its end token and 0 from there on.
        """
        config = self.config
        memory_BSD = self.encode({"inputs": batch["inputs"]}, Pass(train=False))
        memories = [block.cross_attention.keys_values(memory_BSD) for block in self.decoder]
        cross_bias = added((batch["inputs"] > 0)[:, None])
        heads = (config.num_heads, config.width // config.num_heads)
        shape = (len(memory_BSD), config.beam_size, config.max_length, *heads)
        empty = jnp.zeros(shape, memory_BSD.dtype)
        positions_TD = self.positions()

        def step(
            tokens_BH: Array, index: Array, caches: list[KeysValues]
        ) -> tuple[Array, list[KeysValues]]:
            x = self.embedding(tokens_BH) + positions_TD[index]
            moved = []
            for block, memory, cache in zip(self.decoder, memories, caches, strict=True):
                x, cache = block.step(x, memory, cross_bias, cache, index)
                moved.append(cache)
            return self.logits(x), moved

        return beam.search(step, [(empty, empty) for _ in self.decoder], len(memory_BSD), config)

    def embedded(self, tokens_BT: Array, positions: Array | None) -> Array:
        """Embeddings plus positions; these count along the row unless given."""
        x = self.embedding(tokens_BT)
        length, positions_TD = tokens_BT.shape[1], self.positions()
        return x + (positions_TD[:length] if positions is None else positions_TD[positions])

    def positions(self) -> Array:
        return jnp.asarray(sincos_1d(self.config.max_length, self.config.width))

    def logits(self, x_BTD: Array) -> Array:
        if not self.post_norm:
            x_BTD = self.decoder_layernorm(x_BTD)
        return self.embedding.attend(x_BTD) / math.sqrt(self.config.width)


def pairs(
    queries_BT: Array, keys_BS: Array, query_segments: Array | None, key_segments: Array | None
) -> Array:
    """Whether tokens, neither of them filling, are of the same sentence, [B, T, S]."""
    mask = (queries_BT > 0)[:, :, None] & (keys_BS > 0)[:, None, :]
    if query_segments is None or key_segments is None:
        return mask
    return mask & (query_segments[:, :, None] == key_segments[:, None, :])


def added(mask_BTS: Array) -> Array:
    """The mask as what is added to logits, [B, 1, T, S]."""
    return jnp.where(mask_BTS, 0.0, MASKED)[:, None]
