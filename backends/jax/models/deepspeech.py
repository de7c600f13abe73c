"""Deep Speech 2 (Amodei et al. 2015, arXiv 1512.02595) with a CTC output.

What is unusual: features are computed inside the model; residual connections around every layer;
batch norm counts frames that are not padded; each direction of an LSTM starts where its utterance
does, not where the batch does.

Dimensions: B batch, S samples, T frames, F mel bins, D model width, H width of one direction, G its
four gates.
"""

import jax
from flax import nnx
from jax import numpy as jnp

from backends.jax.layers import ACTIVATIONS, Array, Dense, Dropout, Pass, declare
from backends.jax.speech import (
    LayerNorm,
    LogMelFeatures,
    MaskedBatchNorm,
    SpecAugment,
    Subsampling,
)
from spec import declarations
from spec.declarations import LSTM_GATES, Declarations
from spec.initialization import GLOROT_UNIFORM
from spec.models_pb2 import DeepSpeech


class Norm(nnx.Module):
    """Masked batch norm or layer norm."""

    def __init__(self, config: DeepSpeech):
        self.by_frame = config.norm == DeepSpeech.LAYER
        if self.by_frame:
            self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        else:
            self.batchnorm = MaskedBatchNorm(
                config.width, decay=config.batch_norm_decay, epsilon=config.batch_norm_epsilon
            )

    def __call__(self, x_BTD: Array, paddings_BT: Array, how: Pass) -> Array:
        if self.by_frame:
            return self.layernorm(x_BTD)
        return self.batchnorm(x_BTD, paddings_BT, how)


class BidirectionalLstm(nnx.Module):
    """x [B, T, D] and lengths int [B] -> [B, T, 2 H]: outputs of both directions, 0 behind an
    utterance's end.
    """

    def __init__(self, inputs: int, width: int):
        self.forward = Direction(declarations.lstm(inputs, width))
        self.backward = Direction(declarations.lstm(inputs, width))

    def __call__(self, x_BTD: Array, lengths_B: Array) -> Array:
        # Frame t of an utterance of n frames is frame n - 1 - t of its reverse.
        frames, lengths_B1 = jnp.arange(x_BTD.shape[1]), lengths_B[:, None]
        places_BT1 = ((lengths_B1 - 1 - frames) % len(frames))[..., None]
        both = [x_BTD, jnp.take_along_axis(x_BTD, places_BT1, 1)]
        maps = zip(self.forward.stacked(), self.backward.stacked(), strict=True)
        input_2DG, hidden_2HG, bias_2G = (jnp.stack(pair) for pair in maps)
        gates_T2BG = jnp.einsum("nbtd,ndg->tnbg", jnp.stack(both), input_2DG) + bias_2G[:, None]
        forward_TBH, backward_TBH = jnp.moveaxis(_outputs(gates_T2BG, hidden_2HG), 1, 0)
        backward_BTH = jnp.take_along_axis(jnp.moveaxis(backward_TBH, 0, 1), places_BT1, 1)
        outputs = jnp.concatenate([jnp.moveaxis(forward_TBH, 0, 1), backward_BTH], -1)
        return jnp.where((frames < lengths_B1)[..., None], outputs, 0)


class Direction(nnx.Module):
    """The maps of one direction's gates."""

    def __init__(self, maps: dict[str, Declarations]):
        for name, declared in maps.items():
            setattr(self, name, Map(declared))

    def stacked(self) -> tuple[Array, Array, Array]:
        """Kernels of inputs [D, G] and of outputs [H, G], and biases [G]."""
        inputs = [getattr(self, f"input_{gate}") for gate in LSTM_GATES]
        hidden = [getattr(self, f"hidden_{gate}") for gate in LSTM_GATES]
        return (
            jnp.concatenate([part.kernel[...] for part in inputs], 1),
            jnp.concatenate([part.kernel[...] for part in hidden], 1),
            jnp.concatenate([part.bias[...] for part in hidden]),
        )


class Map(nnx.Module):
    """The arrays of one map."""

    def __init__(self, declared: Declarations):
        declare(self, declared)


def _outputs(gates_T2BG: Array, hidden_2HG: Array) -> Array:
    """Outputs [T, 2, B, H] of both directions, from what inputs give to the gates; states start at
    0.
    """

    def step(state: tuple[Array, Array], gates_2BG: Array) -> tuple[tuple[Array, Array], Array]:
        h, c = state
        i, f, g, o = jnp.split(gates_2BG + h @ hidden_2HG, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    _, two, batch, width = gates_T2BG.shape
    zeros = jnp.zeros((two, batch, width // 4), gates_T2BG.dtype)
    return jax.lax.scan(step, (zeros, zeros), gates_T2BG)[1]


class RecurrentLayer(nnx.Module):
    """Norm and LSTM."""

    def __init__(self, config: DeepSpeech):
        self.norm = Norm(config)
        self.lstm = BidirectionalLstm(config.width, config.width // 2)

    def __call__(self, x_BTD: Array, paddings_BT: Array, lengths_B: Array, how: Pass) -> Array:
        return self.lstm(self.norm(x_BTD, paddings_BT, how), lengths_B)


class DenseLayer(nnx.Module):
    """Norm, dense layer, activation, dropout; 0 at padded frames."""

    def __init__(self, config: DeepSpeech):
        self.norm = Norm(config)
        self.dense = Dense(config.width, config.width, kernel_init=GLOROT_UNIFORM)
        self.dropout = Dropout()
        self.activation = ACTIVATIONS[config.activation]

    def __call__(self, x_BTD: Array, paddings_BT: Array, how: Pass) -> Array:
        h = self.activation(self.dense(self.norm(x_BTD, paddings_BT, how)))
        return self.dropout(h * (1 - paddings_BT[..., None]), how)


class Model(nnx.Module):
    """(audio [B, S], paddings [B, S]) -> (logits [B, T, vocabulary], paddings [B, T]), one frame
    each 40 ms.
    """

    def __init__(self, config: DeepSpeech):
        self.features = LogMelFeatures()
        self.spec_augment = SpecAugment(config.spec_augment)
        self.subsampling = Subsampling(config.width, config.activation)
        self.dropout = Dropout()
        self.recurrent = nnx.List([RecurrentLayer(config) for _ in range(config.num_lstm_layers)])
        self.dense = nnx.List([DenseLayer(config) for _ in range(config.num_dense_layers)])
        self.final_norm = config.norm == DeepSpeech.BATCH
        if self.final_norm:
            self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        self.head = Dense(
            config.width, config.vocabulary_size, kernel_init=GLOROT_UNIFORM, output_layer=True
        )
        self.residual = config.residual

    def __call__(self, inputs: tuple[Array, Array], how: Pass) -> tuple[Array, Array]:
        x_BTF, paddings_BT = self.features(*inputs)
        x_BTF = self.spec_augment(x_BTF, paddings_BT, how)
        x, paddings_BT = self.subsampling(x_BTF, paddings_BT)
        x = self.dropout(x, how)
        # One frame at least, so that a filling row of a batch has a length that cuDNN takes too.
        lengths_B = jnp.maximum(jnp.sum(1 - paddings_BT, 1).astype(jnp.int32), 1)
        for recurrent in self.recurrent:
            y = recurrent(x, paddings_BT, lengths_B, how)
            x = x + y if self.residual else y
        for dense in self.dense:
            y = dense(x, paddings_BT, how)
            x = x + y if self.residual else y
        if self.final_norm:
            x = self.layernorm(x)
        return self.head(x), paddings_BT
