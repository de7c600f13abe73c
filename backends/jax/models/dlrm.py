"""Deep learning recommendation model (Naumov et al. 2019, arXiv 1906.00091) for clicks.

What is unusual: all categorical features share one embedding table; products of feature vectors
with themselves are among the interactions; the perceptron for dense features ends with an
activation; dropout comes before the last layer only; biases start at random. In the residual form
there are no interactions, and layers of equal width add to their input.

Dimensions: B batch, F features, D width of an embedding.
"""

import math

import numpy as np
from flax import nnx
from jax import numpy as jnp

from backends.jax.layers import ACTIVATIONS, Array, Dense, Dropout, Embedding, LayerNorm, Pass
from spec.initialization import GLOROT_UNIFORM, normal, uniform
from spec.models_pb2 import RELU, Dlrm
from spec.parameter_pb2 import Initializer


class Layer(nnx.Module):
    """x -> norm(act(dense x)), dropped out if asked for; then + x in the residual form, where the
    widths are equal.
    """

    def __init__(
        self,
        config: Dlrm,
        inputs: int,
        outputs: int,
        kernel_init: Initializer,
        *,
        residual: bool,
        dropout: bool = False,
    ):
        self.dense = _dense(inputs, outputs, kernel_init)
        self.has_norm = config.layer_norm
        if self.has_norm:
            self.layernorm = LayerNorm(outputs, epsilon=config.norm_epsilon)
        self.has_dropout = dropout
        if dropout:
            self.dropout = Dropout()
        self.residual = residual

    def __call__(self, x: Array, how: Pass) -> Array:
        y = ACTIVATIONS[RELU](self.dense(x))
        if self.has_norm:
            y = self.layernorm(y)
        if self.has_dropout:
            y = self.dropout(y, how)
        return x + y if self.residual else y


class Model(nnx.Module):
    """features [B, num_dense + num_categorical] -> logit of a click [B, 1].

    Categorical features are ids held as float32.
    """

    def __init__(self, config: Dlrm):
        residual = config.interaction == Dlrm.RESIDUAL
        self.bottom: nnx.List[nnx.Module] = nnx.List()
        width = config.num_dense
        for number, outputs in enumerate(config.bottom_widths):
            self.bottom.append(
                Layer(config, width, outputs, GLOROT_UNIFORM, residual=residual and number > 0)
            )
            width = outputs
        self.embedding = Embedding(
            config.vocabulary_size, config.width, uniform(0, config.embedding_scale)
        )
        self.has_norm = config.layer_norm
        if self.has_norm:
            self.embedding_layernorm = LayerNorm(config.width, epsilon=config.norm_epsilon)
        num_vectors = 1 + config.num_categorical
        width += (
            config.num_categorical * config.width
            if residual
            else num_vectors * (num_vectors + 1) // 2
        )
        self.top: nnx.List[nnx.Module] = nnx.List()
        last = len(config.top_widths) - 1
        for number, outputs in enumerate(config.top_widths):
            self.top.append(
                Layer(
                    config,
                    width,
                    outputs,
                    _top_init(width, outputs),
                    residual=residual and number > 0,
                    dropout=number == last,
                )
            )
            width = outputs
        self.head = _dense(width, 1, _top_init(width, 1), output_layer=True)
        self.num_dense = config.num_dense
        self.vocabulary_size = config.vocabulary_size
        self.interact = concatenated if residual else dot_interactions

    def __call__(self, x_BF: Array, how: Pass) -> Array:
        dense_BD = x_BF[:, : self.num_dense]
        for layer in self.bottom:
            dense_BD = layer(dense_BD, how)
        ids_BF = x_BF[:, self.num_dense :].astype(jnp.int32) % self.vocabulary_size
        embedded_BFD = self.embedding(ids_BF)
        if self.has_norm:
            embedded_BFD = self.embedding_layernorm(embedded_BFD)
        y = self.interact(dense_BD, embedded_BFD)
        for layer in self.top:
            y = layer(y, how)
        return self.head(y)


def dot_interactions(dense_BD: Array, embedded_BFD: Array) -> Array:
    """The dense vector, then the products of all pairs of the 1 + F vectors, each with itself too:
    [B, D + (F + 1) (F + 2) / 2].
    """
    vectors_BFD = jnp.concatenate([dense_BD[:, None], embedded_BFD], 1)
    products_BFF = jnp.einsum("bfd,bgd->bfg", vectors_BFD, vectors_BFD)
    rows, columns = np.triu_indices(vectors_BFD.shape[1])
    return jnp.concatenate([dense_BD, products_BFF[:, rows, columns]], 1)


def concatenated(dense_BD: Array, embedded_BFD: Array) -> Array:
    """The dense vector, then all embeddings: [B, D + F D']."""
    return jnp.concatenate([dense_BD, embedded_BFD.reshape(embedded_BFD.shape[0], -1)], 1)


def _dense(
    inputs: int, outputs: int, kernel_init: Initializer, *, output_layer: bool = False
) -> Dense:
    return Dense(
        inputs,
        outputs,
        kernel_init=kernel_init,
        bias_init=normal(math.sqrt(1 / outputs)),
        output_layer=output_layer,
    )


def _top_init(inputs: int, outputs: int) -> Initializer:
    return normal(math.sqrt(2 / (inputs + outputs)))
