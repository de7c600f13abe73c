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

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backends.pytorch import beam
from backends.pytorch.layers import (
    ACTIVATIONS,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    Pass,
    add_constant,
    attention,
)
from spec.initialization import GLOROT_UNIFORM, normal
from spec.models_pb2 import TransformerMT
from spec.parameter_pb2 import ATTENTION_K, ATTENTION_OUT, ATTENTION_Q, ATTENTION_V
from spec.positions import sincos_1d

# Added to logits of masked pairs. Finite, so that a query which may attend to nothing attends to
# everything alike; so large that whatever it is added to is lost in rounding.
MASKED = -1e30

Batch = dict[str, Tensor]
KeysValues = tuple[Tensor, Tensor]  # [B, S, N, K] each


class Attention(nn.Module):
    """queries [B, T, D], keys-values [B, S, D] -> [B, T, D]; `bias` [B, 1, T, S] is added to the
    logits.
    """

    def __init__(self, config: TransformerMT):
        super().__init__()
        heads = (config.num_heads, config.width // config.num_heads)
        dense = functools.partial(Dense, kernel_init=GLOROT_UNIFORM, bias_init=None)
        self.query = dense(config.width, heads, kernel_type=ATTENTION_Q)
        self.key = dense(config.width, heads, kernel_type=ATTENTION_K)
        self.value = dense(config.width, heads, kernel_type=ATTENTION_V)
        self.out = dense(heads, config.width, kernel_type=ATTENTION_OUT)
        self.scale = config.attention_temperature / math.sqrt(heads[1])

    def forward(self, x_BTD: Tensor, memory_BSD: Tensor, bias: Tensor) -> Tensor:
        return self.attend(x_BTD, self.keys_values(memory_BSD), bias)

    def keys_values(self, memory_BSD: Tensor) -> KeysValues:
        return self.key(memory_BSD), self.value(memory_BSD)

    def attend(self, x_BTD: Tensor, keys_values: KeysValues, bias: Tensor) -> Tensor:
        q_BTNK = self.query(x_BTD)
        return self.out(attention(q_BTNK, *keys_values, scale=self.scale, bias=bias))

    def attend_one(self, x_B1D: Tensor, keys_values: KeysValues) -> Tensor:
        """The same for a single query and without bias. Many small products of a vector and a
        matrix: written out they are faster than one by one.
        """
        keys_BSNK, values_BSNK = keys_values
        logits_BSN = self.scale * torch.sum(self.query(x_B1D) * keys_BSNK, -1)
        weights_BSN = torch.softmax(logits_BSN, 1)
        return self.out(torch.sum(weights_BSN[..., None] * values_BSNK, 1, keepdim=True))


class Mlp(nn.Module):
    """x -> dense2(act(dense1 x)); gated: dense2(act(dense1 x) * gate x)."""

    def __init__(self, config: TransformerMT):
        super().__init__()
        dense = functools.partial(Dense, kernel_init=GLOROT_UNIFORM, bias_init=normal(1e-6))
        self.dense1 = dense(config.width, config.mlp_width)
        self.gated = config.gated
        if config.gated:
            self.gate = dense(config.width, config.mlp_width)
        self.dropout1 = Dropout()
        self.dense2 = dense(config.mlp_width, config.width)
        self.dropout2 = Dropout()
        self.activation = config.activation

    def forward(self, x_BTD: Tensor, how: Pass) -> Tensor:
        h = ACTIVATIONS[self.activation](self.dense1(x_BTD))
        if self.gated:
            h = h * self.gate(x_BTD)
        return self.dropout2(self.dense2(self.dropout1(h, how)), how)


class EncoderBlock(nn.Module):
    """Attention and perceptron, each in a residual branch with its norm before the branch or after
    the sum.
    """

    def __init__(self, config: TransformerMT):
        super().__init__()
        self.layernorm1 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.attention = Attention(config)
        self.dropout = Dropout()
        self.layernorm2 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.mlp = Mlp(config)
        self.post_norm = config.post_norm

    def forward(self, x_BSD: Tensor, bias: Tensor, how: Pass) -> Tensor:
        if self.post_norm:
            x = x_BSD + self.dropout(self.attention(x_BSD, x_BSD, bias), how)
            x = self.layernorm1(x)
            return self.layernorm2(x + self.mlp(x, how))
        h = self.layernorm1(x_BSD)
        x = x_BSD + self.dropout(self.attention(h, h, bias), how)
        return x + self.mlp(self.layernorm2(x), how)


class DecoderBlock(nn.Module):
    """As the encoder's, with attention to the source between the two."""

    def __init__(self, config: TransformerMT):
        super().__init__()
        self.layernorm1 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.attention = Attention(config)
        self.dropout1 = Dropout()
        self.layernorm2 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.cross_attention = Attention(config)
        self.dropout2 = Dropout()
        self.layernorm3 = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.mlp = Mlp(config)
        self.post_norm = config.post_norm

    def forward(
        self, x_BTD: Tensor, memory_BSD: Tensor, bias: Tensor, cross_bias: Tensor, how: Pass
    ) -> Tensor:
        h = self.before(x_BTD)
        x = x_BTD + self.dropout1(self.attention(h, h, bias), how)
        return self.after(x, self.cross_attention.keys_values(memory_BSD), cross_bias, how)

    def before(self, x_BTD: Tensor) -> Tensor:
        """What attention to earlier tokens sees of x."""
        return x_BTD if self.post_norm else self.layernorm1(x_BTD)

    def after(self, x_BTD: Tensor, memory: KeysValues, cross_bias: Tensor, how: Pass) -> Tensor:
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
        self, x_BHD: Tensor, memory: KeysValues, cross_bias: Tensor, cache: KeysValues
    ) -> tuple[Tensor, KeysValues]:
        """The next token of every hypothesis; `cache` [B, H, T, N, K] has keys and values of the
        tokens before it.
        """
        batch_size, num_beams, width = x_BHD.shape
        x_1D = x_BHD.reshape(batch_size * num_beams, 1, width)
        h = self.before(x_1D)
        keys, values = (
            torch.cat([old, new.unflatten(0, (batch_size, num_beams))], 2)
            for old, new in zip(cache, self.attention.keys_values(h), strict=True)
        )
        x_1D = x_1D + self.attention.attend_one(h, (keys.flatten(0, 1), values.flatten(0, 1)))
        x_BHD = self.after(x_1D.reshape(x_BHD.shape), memory, cross_bias, Pass(train=False))
        return x_BHD, (keys, values)


class Model(nn.Module):
    """A batch with `inputs` [B, S] and `targets` [B, T], int and 0 where filled up, -> logits of each
    target token given those before it, [B, T, V].

    A packed batch has the number of each token's sentence, from 1, under `inputs_segmentation` and
    `targets_segmentation`, and its place in the sentence under `inputs_position` and
    `targets_position`, all of the shape of the tokens.
    """

    takes_batch = True

    def __init__(self, config: TransformerMT):
        super().__init__()
        self.embedding = Embedding(
            config.vocabulary_size, config.width, normal(1.0), tied_to=("head",)
        )
        self.encoder_dropout = Dropout()
        self.encoder = nn.ModuleList([EncoderBlock(config) for _ in range(config.depth)])
        self.post_norm = config.post_norm
        if not config.post_norm:
            self.encoder_layernorm = LayerNorm(config.width, epsilon=config.norm_epsilon)
        self.decoder_dropout = Dropout()
        self.decoder = nn.ModuleList([DecoderBlock(config) for _ in range(config.depth)])
        if not config.post_norm:
            self.decoder_layernorm = LayerNorm(config.width, epsilon=config.norm_epsilon)
        add_constant(self, "positions_TD", sincos_1d(config.max_length, config.width))
        self.config = config

    def forward(self, batch: Batch, how: Pass) -> Tensor:
        memory_BSD = self.encode(batch, how)
        targets_BT = batch["targets"]
        earlier_BT = F.pad(targets_BT[:, :-1], (1, 0))
        x = self.embedded(earlier_BT, batch.get("targets_position"))
        x = self.decoder_dropout(x, how)
        segments = batch.get("targets_segmentation")
        seen = pairs(targets_BT, targets_BT, segments, segments)
        bias = added(seen.tril())
        cross_bias = added(
            pairs(targets_BT, batch["inputs"], segments, batch.get("inputs_segmentation"))
        )
        for block in self.decoder:
            x = block(x, memory_BSD, bias, cross_bias, how)
        return self.logits(x)

    def encode(self, batch: Batch, how: Pass) -> Tensor:
        """The source as the decoder attends to it, [B, S, D]."""
        inputs_BS, segments = batch["inputs"], batch.get("inputs_segmentation")
        x = self.embedded(inputs_BS, batch.get("inputs_position"))
        x = self.encoder_dropout(x, how)
        bias = added(pairs(inputs_BS, inputs_BS, segments, segments))
        for block in self.encoder:
            x = block(x, bias, how)
        return x if self.post_norm else self.encoder_layernorm(x)

    def translate(self, batch: Batch) -> Tensor:
        """The best translation of every row of unpacked `inputs` that beam search finds, int64
        [B, max_length - 1]: up to its end token and 0 from there on.
        """
        config = self.config
        memory_BSD = self.encode({"inputs": batch["inputs"]}, Pass(train=False))
        memories = [block.cross_attention.keys_values(memory_BSD) for block in self.decoder]
        cross_bias = added((batch["inputs"] > 0)[:, None])
        heads = (config.num_heads, config.width // config.num_heads)
        empty = memory_BSD.new_zeros(len(memory_BSD), config.beam_size, 0, *heads)

        def step(
            tokens_BH: Tensor, index: int, caches: list[KeysValues]
        ) -> tuple[Tensor, list[KeysValues]]:
            x = self.embedding(tokens_BH) + self.positions_TD[index]
            moved = []
            for block, memory, cache in zip(self.decoder, memories, caches, strict=True):
                x, cache = block.step(x, memory, cross_bias, cache)
                moved.append(cache)
            return self.logits(x), moved

        return beam.search(step, [(empty, empty) for _ in self.decoder], len(memory_BSD), config)

    def embedded(self, tokens_BT: Tensor, positions: Tensor | None) -> Tensor:
        """Embeddings plus positions; these count along the row unless given."""
        x = self.embedding(tokens_BT)
        length = tokens_BT.shape[1]
        return x + (
            self.positions_TD[:length] if positions is None else self.positions_TD[positions]
        )

    def logits(self, x_BTD: Tensor) -> Tensor:
        if not self.post_norm:
            x_BTD = self.decoder_layernorm(x_BTD)
        return self.embedding.attend(x_BTD) / math.sqrt(self.config.width)


def pairs(
    queries_BT: Tensor, keys_BS: Tensor, query_segments: Tensor | None, key_segments: Tensor | None
) -> Tensor:
    """Whether tokens, neither of them filling, are of the same sentence, [B, T, S]."""
    mask = (queries_BT > 0)[:, :, None] & (keys_BS > 0)[:, None, :]
    if query_segments is None or key_segments is None:
        return mask
    return mask & (query_segments[:, :, None] == key_segments[:, None, :])


def added(mask_BTS: Tensor) -> Tensor:
    """The mask as what is added to logits, [B, 1, T, S]."""
    return torch.where(mask_BTS, 0.0, MASKED)[:, None]
