"""What speech models share: log-mel features and SpecAugment inside the model, subsampling, and
norms that know of padding.

Norms hold their scales as the distance from 1. A padding is 1 where a sample or a frame is filled
up, which is at the end, else 0. Dimensions: B batch, S samples, T frames, F mel bins or what is left of them, D width.
"""

import functools

import jax
import jax.numpy as jnp
from flax import nnx

from backends.jax import layers
from backends.jax.layers import Array, Conv, Dense, Pass, declare
from spec import declarations, log_mel
from spec.initialization import GLOROT_UNIFORM, ZEROS
from spec.models_pb2 import SpecAugment as SpecAugmentConfig


class LogMelFeatures(nnx.Module):
    """Standardised log-mel features [B, T, F] of audio on the scale of 16-bit integers, and their
    paddings [B, T]: a frame is padded if all its samples are.

    Padded frames hold what silence gives, not zeros.
    """

    def __call__(self, audio_BS: Array, paddings_BS: Array) -> tuple[Array, Array]:
        frames_BTS = _frames(audio_BS * (1 - paddings_BS) * log_mel.INPUT_SCALE)
        first = (1 - log_mel.PRE_EMPHASIS) * frames_BTS[..., :1]
        others = frames_BTS[..., 1:] - log_mel.PRE_EMPHASIS * frames_BTS[..., :-1]
        windowed = jnp.concatenate([first, others], -1) * log_mel.window()
        spectrum = jnp.fft.rfft(windowed, log_mel.FFT_SIZE)
        power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
        features = jnp.log(jnp.maximum(power @ log_mel.triangles(), log_mel.FLOOR))
        # Padding is at the end, so that a frame has none but padded samples if its first is padded.
        paddings_BT = paddings_BS[:, : features.shape[1] * log_mel.HOP : log_mel.HOP]
        return (features - log_mel.MEAN) / log_mel.STDDEV, paddings_BT


def _frames(x_BS: Array) -> Array:
    """The overlapping frames [B, T, FRAME], put together from pieces that do not overlap."""
    piece = log_mel.FRAME - 2 * log_mel.HOP  # both lengths are multiples of it
    count = log_mel.num_frames(x_BS.shape[1])
    step = log_mel.HOP // piece
    num_pieces = (count - 1) * step + log_mel.FRAME // piece
    pieces = x_BS[:, : num_pieces * piece].reshape(x_BS.shape[0], num_pieces, piece)
    last = (count - 1) * step + 1
    return jnp.concatenate(
        [pieces[:, k : k + last : step] for k in range(log_mel.FRAME // piece)], -1
    )


class SpecAugment(nnx.Module):
    """Sets bands of time and of frequency to 0 in training (Park et al. 2019, arXiv 1904.08779).

    `site`, the module's canonical name, says which random numbers are drawn.
    """

    def __init__(self, config: SpecAugmentConfig):
        self.site = ""
        self.num_time_masks = config.num_time_masks
        self.max_time_ratio = config.max_time_ratio
        self.num_frequency_masks = config.num_frequency_masks
        self.max_bins = config.max_bins

    def __call__(self, x_BTF: Array, paddings_BT: Array, how: Pass) -> Array:
        num_masks = self.num_time_masks + self.num_frequency_masks
        if not how.train or num_masks == 0:
            return x_BTF
        assert how.uniform is not None and self.site
        # One number for the size of each mask, one for its place; time masks come first.
        u_2BM = how.uniform(self.site, (2, x_BTF.shape[0], num_masks))
        of_time, of_frequency = u_2BM[..., : self.num_time_masks], u_2BM[..., self.num_time_masks :]
        lengths_B1 = jnp.sum(1 - paddings_BT, 1, keepdims=True)
        sizes = jnp.trunc(self.max_time_ratio * lengths_B1 * of_time[0])
        x = x_BTF * _unmasked(of_time[1], sizes, lengths_B1, x_BTF.shape[1])[:, :, None]
        sizes = jnp.trunc(self.max_bins * of_frequency[0])
        return x * _unmasked(of_frequency[1], sizes, x.shape[2], x.shape[2])[:, None]


def _unmasked(places_BM: Array, sizes_BM: Array, length: Array | int, size: int) -> Array:
    """1 where none of the masks lies, else 0: [B, size]. A mask lies in the first `length`."""
    starts_BM = jnp.trunc(places_BM * (length - sizes_BM + 1))
    distance = jnp.arange(size)[:, None] - starts_BM[:, None]  # [B, size, M]
    return 1.0 - jnp.any((distance >= 0) & (distance < sizes_BM[:, None]), -1)


class Subsampling(nnx.Module):
    """features [B, T, F] -> [B, ceil(T/4), D] and paddings: two 3x3 convolutions with stride 2, then
    a dense layer over channels and what is left of the bins.
    """

    def __init__(self, width: int, activation: int):
        conv = functools.partial(
            Conv, window=(3, 3), stride=2, kernel_init=GLOROT_UNIFORM, bias_init=ZEROS
        )
        self.conv1 = conv(1, width)
        self.conv2 = conv(width, width)
        bins = -(-log_mel.NUM_BINS // 4)
        self.dense = Dense(bins * width, width, kernel_init=GLOROT_UNIFORM)
        self.activation = layers.ACTIVATIONS[activation]

    def __call__(self, x_BTF: Array, paddings_BT: Array) -> tuple[Array, Array]:
        x = x_BTF[..., None]  # [B, T, F, 1]
        for conv in (self.conv1, self.conv2):
            paddings_BT = paddings_BT[:, ::2]
            x = self.activation(conv(x)) * (1 - paddings_BT)[:, :, None, None]
        return self.dense(x.reshape(*x.shape[:2], -1)), paddings_BT


class LayerNorm(nnx.Module):
    """x [..., D] normalised over the last axis, variance biased, times 1 + scale, plus bias."""

    def __init__(self, width: int, *, epsilon: float):
        declare(self, declarations.layer_norm(width, scale_init=ZEROS))
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        centred = x - jnp.mean(x, -1, keepdims=True)
        var = jnp.mean(jnp.square(centred), -1, keepdims=True)
        return centred * jax.lax.rsqrt(var + self.epsilon) * (1 + self.scale[...]) + self.bias[...]


class MaskedBatchNorm(layers.BatchNorm):
    """x [B, T, D] normalised over the frames that are not padded, times 1 + scale, plus bias; 0 where
    padded.

    Statistics as in `layers.BatchNorm`; n is the number of frames counted, at least 1.
    """

    def __init__(self, width: int, *, decay: float, epsilon: float):
        super().__init__(width, decay=decay, epsilon=epsilon, scale_init=ZEROS)

    def __call__(self, x_BTD: Array, paddings_BT: Array, how: Pass) -> Array:
        mask = 1 - paddings_BT[..., None]
        mean, var = self.mean[...], self.var[...]
        if how.train:
            n = jnp.maximum(jnp.sum(mask), 1)
            mean = jnp.sum(x_BTD * mask, (0, 1)) / n
            var = jnp.sum(jnp.square(x_BTD - mean) * mask, (0, 1)) / n
            if how.update_batch_norm:
                self.mean[...] = self.decay * self.mean[...] + (1 - self.decay) * mean
                self.var[...] = self.decay * self.var[...] + (1 - self.decay) * var
        factor = jax.lax.rsqrt(var + self.epsilon) * (1 + self.scale[...])
        return ((x_BTD - mean) * factor + self.bias[...]) * mask
