"""What speech models share: log-mel features and SpecAugment inside the model, subsampling, and
norms that know of padding.

Norms hold their scales as the distance from 1. A padding is 1 where a sample or a frame is filled
up, which is at the end, else 0. Dimensions: B batch, S samples, T frames, F mel bins or what is left of them, D width.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backends.pytorch import layers
from backends.pytorch.layers import Conv, Dense, Pass, add_constant, declare
from spec import declarations, log_mel
from spec.initialization import GLOROT_UNIFORM, ZEROS
from spec.models_pb2 import SpecAugment as SpecAugmentConfig


class LogMelFeatures(nn.Module):
    """Standardised log-mel features [B, T, F] of audio on the scale of 16-bit integers, and their
    paddings [B, T]: a frame is padded if all its samples are.

    Padded frames hold what silence gives, not zeros.
    """

    def __init__(self) -> None:
        super().__init__()
        add_constant(self, "window", log_mel.window())
        add_constant(self, "triangles", log_mel.triangles())
        add_constant(self, "mean", log_mel.MEAN)
        add_constant(self, "stddev", log_mel.STDDEV)

    def forward(self, audio_BS: Tensor, paddings_BS: Tensor) -> tuple[Tensor, Tensor]:
        scaled_BS = audio_BS * (1 - paddings_BS) * log_mel.INPUT_SCALE
        frames_BTS = scaled_BS[:, :-1].unfold(1, log_mel.FRAME, log_mel.HOP)
        first = (1 - log_mel.PRE_EMPHASIS) * frames_BTS[..., :1]
        others = frames_BTS[..., 1:] - log_mel.PRE_EMPHASIS * frames_BTS[..., :-1]
        windowed = torch.cat([first, others], -1) * self.window
        spectrum = torch.fft.rfft(windowed, log_mel.FFT_SIZE)
        power = torch.square(spectrum.real) + torch.square(spectrum.imag)
        features = torch.log(torch.clamp(power @ self.triangles, min=log_mel.FLOOR))
        # Padding is at the end, so that a frame has none but padded samples if its first is padded.
        paddings_BT = paddings_BS[:, : features.shape[1] * log_mel.HOP : log_mel.HOP]
        return (features - self.mean) / self.stddev, paddings_BT


class SpecAugment(nn.Module):
    """Sets bands of time and of frequency to 0 in training (Park et al. 2019, arXiv 1904.08779).

    `site`, the module's canonical name, says which random numbers are drawn.
    """

    def __init__(self, config: SpecAugmentConfig):
        super().__init__()
        self.site = ""
        self.num_time_masks = config.num_time_masks
        self.max_time_ratio = config.max_time_ratio
        self.num_frequency_masks = config.num_frequency_masks
        self.max_bins = config.max_bins

    def forward(self, x_BTF: Tensor, paddings_BT: Tensor, how: Pass) -> Tensor:
        num_masks = self.num_time_masks + self.num_frequency_masks
        if not how.train or num_masks == 0:
            return x_BTF
        # One number for the size of each mask, one for its place; time masks come first.
        shape = (2, x_BTF.shape[0], num_masks)
        if how.uniform is None:
            u_2BM = torch.rand(shape, device=x_BTF.device)
        else:
            assert self.site
            u_2BM = how.uniform(self.site, shape)
        of_time, of_frequency = u_2BM[..., : self.num_time_masks], u_2BM[..., self.num_time_masks :]
        lengths_B1 = torch.sum(1 - paddings_BT, 1, keepdim=True)
        sizes = torch.trunc(self.max_time_ratio * lengths_B1 * of_time[0])
        x = x_BTF * _unmasked(of_time[1], sizes, lengths_B1, x_BTF.shape[1])[:, :, None]
        sizes = torch.trunc(self.max_bins * of_frequency[0])
        return x * _unmasked(of_frequency[1], sizes, x.shape[2], x.shape[2])[:, None]


def _unmasked(places_BM: Tensor, sizes_BM: Tensor, length: Tensor | int, size: int) -> Tensor:
    """1 where none of the masks lies, else 0: [B, size]. A mask lies in the first `length`."""
    starts_BM = torch.trunc(places_BM * (length - sizes_BM + 1))
    indices = torch.arange(size, device=places_BM.device)
    distance = indices[:, None] - starts_BM[:, None]  # [B, size, M]
    return 1.0 - torch.any((distance >= 0) & (distance < sizes_BM[:, None]), -1).float()


class Subsampling(nn.Module):
    """features [B, T, F] -> [B, ceil(T/4), D] and paddings: two 3x3 convolutions with stride 2, then
    a dense layer over channels and what is left of the bins.
    """

    def __init__(self, width: int, activation: int):
        super().__init__()
        conv = functools.partial(
            Conv, window=(3, 3), stride=2, kernel_init=GLOROT_UNIFORM, bias_init=ZEROS
        )
        self.conv1 = conv(1, width)
        self.conv2 = conv(width, width)
        bins = -(-log_mel.NUM_BINS // 4)
        self.dense = Dense(bins * width, width, kernel_init=GLOROT_UNIFORM)
        self.activation = layers.ACTIVATIONS[activation]

    def forward(self, x_BTF: Tensor, paddings_BT: Tensor) -> tuple[Tensor, Tensor]:
        x = x_BTF[:, None]  # [B, 1, T, F]
        for conv in (self.conv1, self.conv2):
            paddings_BT = paddings_BT[:, ::2]
            x = self.activation(conv(x)) * (1 - paddings_BT)[:, None, :, None]
        return self.dense(x.permute(0, 2, 3, 1).flatten(2)), paddings_BT


class LayerNorm(layers.LayerNorm):
    """x [..., D] normalised over the last axis, variance biased, times 1 + scale, plus bias."""

    def __init__(self, width: int, *, epsilon: float):
        super().__init__(width, epsilon=epsilon)
        declare(self, declarations.layer_norm(width, scale_init=ZEROS))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, 1 + self.weight, self.bias, self.eps)


class MaskedBatchNorm(layers.BatchNorm):
    """x [B, T, D] normalised over the frames that are not padded, times 1 + scale, plus bias; 0 where
    padded.

    Statistics as in `layers.BatchNorm`; n is the number of frames counted, at least 1.
    """

    def __init__(self, width: int, *, decay: float, epsilon: float):
        super().__init__(width, decay=decay, epsilon=epsilon, scale_init=ZEROS)

    def forward(self, x_BTD: Tensor, paddings_BT: Tensor, how: Pass) -> Tensor:
        assert self.running_mean is not None and self.running_var is not None
        mask = 1 - paddings_BT[..., None]
        mean, var = self.running_mean, self.running_var
        if how.train:
            n = torch.clamp(torch.sum(mask), min=1)
            mean = torch.sum(x_BTD * mask, (0, 1)) / n
            var = torch.sum(torch.square(x_BTD - mean) * mask, (0, 1)) / n
            mean, var = layers.of_global_batch(torch.sum(mask), mean, var)
            if how.update_batch_norm:
                self.move_statistics(mean, var)
        factor = torch.rsqrt(var + self.eps) * (1 + self.weight)
        return ((x_BTD - mean) * factor + self.bias) * mask
