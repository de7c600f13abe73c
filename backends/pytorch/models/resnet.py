"""Residual networks (He et al. 2015, arXiv 1512.03385), "v1.5": the stride sits on the 3x3
convolution.

What is unusual: padding of the 3x3 convolutions is a choice (SAME pads stride 2 on even sizes by
(0, 1)); the scale of each block's last batch norm starts at a given value, 0 for an identity block;
no convolution has a bias.

Dimensions: B batch, H height, W width, C channels. Images come channels last and are viewed
channels first.
"""

import torch
from torch import Tensor, nn

from backends.pytorch.layers import ACTIVATIONS, BatchNorm, Conv, Dense, Padding, Pass, max_pool
from spec.initialization import ONES, constant, normal
from spec.models_pb2 import ResNet
from spec.parameter_pb2 import Initializer

PADDINGS: dict[int, Padding] = {ResNet.SAME: "SAME", ResNet.SYMMETRIC: ((1, 1), (1, 1))}


class BasicBlock(nn.Module):
    """3x3, 3x3."""

    expansion = 1

    def __init__(self, config: ResNet, inputs: int, width: int, stride: int):
        super().__init__()
        padding = PADDINGS[config.padding]
        last_scale = constant(config.last_norm_scale)
        self.conv1 = Conv(inputs, width, (3, 3), stride=stride, padding=padding)
        self.batchnorm1 = _norm(config, width)
        self.conv2 = Conv(width, width, (3, 3), padding=padding)
        self.batchnorm2 = _norm(config, width, scale_init=last_scale)
        self.shortcut = Shortcut(config, inputs, width, stride)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BCHW: Tensor, how: Pass) -> Tensor:
        y = self.activation(self.batchnorm1(self.conv1(x_BCHW), how))
        y = self.batchnorm2(self.conv2(y), how)
        return self.activation(y + self.shortcut(x_BCHW, how))


class BottleneckBlock(nn.Module):
    """1x1, 3x3, 1x1 with four times the width."""

    expansion = 4

    def __init__(self, config: ResNet, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = self.expansion * width
        last_scale = constant(config.last_norm_scale)
        self.conv1 = Conv(inputs, width, (1, 1))
        self.batchnorm1 = _norm(config, width)
        self.conv2 = Conv(width, width, (3, 3), stride=stride, padding=PADDINGS[config.padding])
        self.batchnorm2 = _norm(config, width)
        self.conv3 = Conv(width, outputs, (1, 1))
        self.batchnorm3 = _norm(config, outputs, scale_init=last_scale)
        self.shortcut = Shortcut(config, inputs, outputs, stride)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BCHW: Tensor, how: Pass) -> Tensor:
        y = self.activation(self.batchnorm1(self.conv1(x_BCHW), how))
        y = self.activation(self.batchnorm2(self.conv2(y), how))
        y = self.batchnorm3(self.conv3(y), how)
        return self.activation(y + self.shortcut(x_BCHW, how))


class Shortcut(nn.Module):
    """The identity, or a strided 1x1 convolution and batch norm where the shape changes."""

    def __init__(self, config: ResNet, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.identity = inputs == outputs and stride == 1
        if not self.identity:
            self.conv = Conv(inputs, outputs, (1, 1), stride=stride)
            self.batchnorm = _norm(config, outputs)

    def forward(self, x_BCHW: Tensor, how: Pass) -> Tensor:
        return x_BCHW if self.identity else self.batchnorm(self.conv(x_BCHW), how)


class Model(nn.Module):
    """images [B, H, W, C] -> logits [B, num_classes]."""

    def __init__(self, config: ResNet):
        super().__init__()
        block = {ResNet.BASIC: BasicBlock, ResNet.BOTTLENECK: BottleneckBlock}[config.block]
        self.imagenet_stem = config.stem == ResNet.IMAGENET
        if self.imagenet_stem:
            margins = ((3, 3), (3, 3))
            self.stem_conv = Conv(
                config.num_channels, config.width, (7, 7), stride=2, padding=margins
            )
        else:
            self.stem_conv = Conv(config.num_channels, config.width, (3, 3))
        self.stem_batchnorm = _norm(config, config.width)
        self.activation = ACTIVATIONS[config.activation]
        self.blocks = nn.ModuleList()
        inputs = config.width
        for stage, num_blocks in enumerate(config.blocks_per_stage):
            width = config.width * 2**stage
            for number in range(num_blocks):
                stride = 2 if stage > 0 and number == 0 else 1
                self.blocks.append(block(config, inputs, width, stride))
                inputs = width * block.expansion
        self.head = Dense(inputs, config.num_classes, kernel_init=normal(0.01), output_layer=True)

    def forward(self, x_BHWC: Tensor, how: Pass) -> Tensor:
        x_BCHW = x_BHWC.permute(0, 3, 1, 2)
        if not self.imagenet_stem:
            # Convolutions keep the layout in memory of what they are given. Few pixels cost less than
            # laying the weights out anew for them in every step.
            x_BCHW = x_BCHW.contiguous()
        x = self.activation(self.stem_batchnorm(self.stem_conv(x_BCHW), how))
        if self.imagenet_stem:
            x = max_pool(x, window=3, stride=2, margin=1)
        for block in self.blocks:
            x = block(x, how)
        return self.head(torch.mean(x, (2, 3)))


def _norm(config: ResNet, width: int, scale_init: Initializer = ONES) -> BatchNorm:
    return BatchNorm(
        width, decay=config.norm_decay, epsilon=config.norm_epsilon, scale_init=scale_init
    )
