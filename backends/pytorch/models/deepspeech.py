"""Deep Speech 2 (Amodei et al. 2015, arXiv 1512.02595) with a CTC output.

What is unusual: features are computed inside the model; residual connections around every layer;
batch norm counts frames that are not padded; each direction of an LSTM starts where its utterance
does, not where the batch does.

Dimensions: B batch, S samples, T frames, F mel bins, D model width, H width of one direction, G its
four gates.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import rnn

from backends.pytorch.layers import (
    ACTIVATIONS,
    TORCH_NAMES,
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
from spec import declarations
from spec.initialization import GLOROT_UNIFORM
from spec.models_pb2 import DeepSpeech


class Norm(nn.Module):
    """Masked batch norm or layer norm."""

    def __init__(self, config: DeepSpeech):
        super().__init__()
        self.by_frame = config.norm == DeepSpeech.LAYER
        if self.by_frame:
            self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        else:
            self.batchnorm = MaskedBatchNorm(
                config.width, decay=config.batch_norm_decay, epsilon=config.batch_norm_epsilon
            )

    def forward(self, x_BTD: Tensor, paddings_BT: Tensor, how: Pass) -> Tensor:
        if self.by_frame:
            return self.layernorm(x_BTD)
        return self.batchnorm(x_BTD, paddings_BT, how)


class BidirectionalLstm(nn.LSTM):
    """x [B, T, D] and lengths int [B] -> [B, T, 2 H]: outputs of both directions, 0 behind an
    utterance's end. Lengths are at least 1 and lie on the host.

    PyTorch's gates have two biases each, of which the first stays 0 and is no parameter.
    """

    def __init__(self, inputs: int, width: int):
        super().__init__(inputs, width, batch_first=True, bidirectional=True)
        maps = declarations.lstm(inputs, width)
        self.torch_names: dict[str, str] = {}
        declared = {}
        for direction, suffix in (("forward", ""), ("backward", "_reverse")):
            for name, arrays in maps.items():
                for array, parameter in arrays.items():
                    canonical = f"{direction}.{name}.{array}"
                    declared[canonical] = parameter
                    held = f"{TORCH_NAMES.get(array, array)}_{'ih' if name.startswith('input') else 'hh'}"
                    self.torch_names[canonical] = f"{held}_l0{suffix}"
            delattr(self, f"bias_ih_l0{suffix}")
            add_constant(self, f"bias_ih_l0{suffix}", np.zeros(4 * width, np.float32))
        declare(self, declared)

    def forward(self, x_BTD: Tensor, lengths_B: Tensor) -> Tensor:
        packed = rnn.pack_padded_sequence(x_BTD, lengths_B, batch_first=True, enforce_sorted=False)
        outputs, _ = super().forward(packed)
        return rnn.pad_packed_sequence(outputs, batch_first=True, total_length=x_BTD.shape[1])[0]


class RecurrentLayer(nn.Module):
    """Norm and LSTM."""

    def __init__(self, config: DeepSpeech):
        super().__init__()
        self.norm = Norm(config)
        self.lstm = BidirectionalLstm(config.width, config.width // 2)

    def forward(self, x_BTD: Tensor, paddings_BT: Tensor, lengths_B: Tensor, how: Pass) -> Tensor:
        return self.lstm(self.norm(x_BTD, paddings_BT, how), lengths_B)


class DenseLayer(nn.Module):
    """Norm, dense layer, activation, dropout; 0 at padded frames."""

    def __init__(self, config: DeepSpeech):
        super().__init__()
        self.norm = Norm(config)
        self.dense = Dense(config.width, config.width, kernel_init=GLOROT_UNIFORM)
        self.dropout = Dropout()
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BTD: Tensor, paddings_BT: Tensor, how: Pass) -> Tensor:
        h = self.activation(self.dense(self.norm(x_BTD, paddings_BT, how)))
        return self.dropout(h * (1 - paddings_BT[..., None]), how)


class Model(nn.Module):
    """(audio [B, S], paddings [B, S]) -> (logits [B, T, vocabulary], paddings [B, T]), one frame
    each 40 ms.
    """

    def __init__(self, config: DeepSpeech):
        super().__init__()
        self.features = LogMelFeatures()
        self.spec_augment = SpecAugment(config.spec_augment)
        self.subsampling = Subsampling(config.width, config.activation)
        self.dropout = Dropout()
        self.recurrent = nn.ModuleList(
            [RecurrentLayer(config) for _ in range(config.num_lstm_layers)]
        )
        self.dense = nn.ModuleList([DenseLayer(config) for _ in range(config.num_dense_layers)])
        self.final_norm = config.norm == DeepSpeech.BATCH
        if self.final_norm:
            self.layernorm = LayerNorm(config.width, epsilon=config.layer_norm_epsilon)
        self.head = Dense(
            config.width, config.vocabulary_size, kernel_init=GLOROT_UNIFORM, output_layer=True
        )
        self.residual = config.residual

    def forward(self, inputs: tuple[Tensor, Tensor], how: Pass) -> tuple[Tensor, Tensor]:
        x_BTF, paddings_BT = self.features(*inputs)
        x_BTF = self.spec_augment(x_BTF, paddings_BT, how)
        x, paddings_BT = self.subsampling(x_BTF, paddings_BT)
        x = self.dropout(x, how)
        # One frame at least, so that a filling row of a batch has a length that cuDNN takes too.
        lengths_B = torch.clamp(torch.sum(1 - paddings_BT, 1).long(), min=1).cpu()
        for recurrent in self.recurrent:
            y = recurrent(x, paddings_BT, lengths_B, how)
            x = x + y if self.residual else y
        for dense in self.dense:
            y = dense(x, paddings_BT, how)
            x = x + y if self.residual else y
        if self.final_norm:
            x = self.layernorm(x)
        return self.head(x), paddings_BT
