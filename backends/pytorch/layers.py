"""Layers that all models are made of. Dimensions: B batch, H height, W width, T tokens, D model
width, N heads, K head width.

A model is built on the meta device: every tensor has a shape and no value. Values come from the
specification, and `backends/pytorch/workload.py` puts them in. What a layer declares (shape, kind,
law of the initial value) stands in spec/declarations.py.

Layers derive from PyTorch's own, so that `isinstance` checks of a submission hold, and keep
PyTorch's tensor names and layouts (`weight` [out, in]); `spec/layouts.py` relates them
to the canonical ones.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backends.pytorch import placement
from spec import declarations
from spec.declarations import Declarations
from spec.initialization import LECUN_NORMAL, ONES, ZEROS
from spec.models_pb2 import GELU_TANH, LEAKY_RELU, RELU, SIGMOID, SILU, TANH
from spec.parameter_pb2 import (
    ATTENTION_BIAS,
    ATTENTION_K,
    ATTENTION_OUT,
    ATTENTION_Q,
    ATTENTION_V,
    BIAS,
    WEIGHT,
    Initializer,
    Parameter,
    ParameterType,
)

Padding = (
    str | tuple[tuple[int, int], ...]
)  # `SAME`, `VALID`, or (before, after) for each spatial axis

LEAK = 0.2  # slope of LEAKY_RELU below 0
ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {
    RELU: F.relu,
    SILU: F.silu,
    GELU_TANH: lambda x: F.gelu(x, approximate="tanh"),
    TANH: torch.tanh,
    LEAKY_RELU: lambda x: F.leaky_relu(x, LEAK),
    SIGMOID: torch.sigmoid,
}

# PyTorch's name of an array where it is not the canonical one.
TORCH_NAMES = {"kernel": "weight", "scale": "weight", "embedding": "weight"}


@dataclasses.dataclass(frozen=True)
class Pass:
    """How one forward pass is made.

    Attributes:
      train: batch statistics and dropout are in use.
      update_batch_norm: running statistics move too; only meaningful in training.
      dropout_rate: fraction of activations that is set to zero.
      keep_mask: (site, shape, rate) -> bool tensor, True where an activation is kept; None for
      PyTorch's own dropout.
      uniform: (site, shape) -> float tensor on [0, 1), for augmentation inside the model; None for
      PyTorch's own generator.
    """

    train: bool
    update_batch_norm: bool = False
    dropout_rate: float = 0.0
    keep_mask: Callable[[str, tuple[int, ...], float], Tensor] | None = None
    uniform: Callable[[str, tuple[int, ...]], Tensor] | None = None


def declare(module: nn.Module, declared: Declarations) -> None:
    """Notes what the module's tensors are. The tensors themselves are made by the PyTorch layer it
    derives from.
    """
    module.declared = declared


def add_constant(module: nn.Module, name: str, value: np.ndarray) -> None:
    """Gives the module a fixed array as a buffer that moves with it and is no part of its state."""
    module.register_buffer(name, torch.empty(value.shape), persistent=False)
    module.constants = {**getattr(module, "constants", {}), name: value}


def walk(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, str, Parameter]]:
    """Yields (canonical dotted name, PyTorch's dotted name, declaration) of all parameters, in
    order of definition. Several canonical ones may stand in one tensor of PyTorch, one behind the
    other along its first axis.
    """
    torch_names = getattr(module, "torch_names", TORCH_NAMES)
    for name, declaration in getattr(module, "declared", {}).items():
        yield prefix + name, prefix + torch_names.get(name, name), declaration
    for name, child in module.named_children():
        yield from walk(child, f"{prefix}{name}.")


def parameters(model: nn.Module) -> list[Parameter]:
    """The model's parameters with their canonical names, in order of definition."""
    result = []
    for name, _, declaration in walk(model):
        parameter = Parameter()
        parameter.CopyFrom(declaration)
        parameter.name = name
        result.append(parameter)
    return result


class Dense(nn.Linear):
    """x [..., *inputs] -> [..., *outputs]: an affine map over the last axes."""

    def __init__(
        self,
        inputs: int | tuple[int, ...],
        outputs: int | tuple[int, ...],
        *,
        kernel_init: Initializer = LECUN_NORMAL,
        bias_init: Initializer | None = ZEROS,
        kernel_type: ParameterType = WEIGHT,
        bias_type: ParameterType = BIAS,
        output_layer: bool = False,
    ):
        inputs = (inputs,) if isinstance(inputs, int) else inputs
        outputs = (outputs,) if isinstance(outputs, int) else outputs
        super().__init__(math.prod(inputs), math.prod(outputs), bias=bias_init is not None)
        declare(
            self,
            declarations.dense(
                inputs,
                outputs,
                kernel_init=kernel_init,
                bias_init=bias_init,
                kernel_type=kernel_type,
                bias_type=bias_type,
                output_layer=output_layer,
            ),
        )
        self.input_axes = inputs
        self.output_axes = outputs

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x.flatten(-len(self.input_axes)))
        return y.unflatten(-1, self.output_axes)


class Conv(nn.Conv2d):
    """x [B, C, H, W] -> [B, C', H', W']: convolution (no flip) over two spatial axes."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        window: tuple[int, int],
        *,
        stride: int = 1,
        padding: Padding = "SAME",
        kernel_init: Initializer = LECUN_NORMAL,
        bias_init: Initializer | None = None,
        output_layer: bool = False,
    ):
        super().__init__(inputs, outputs, window, stride, bias=bias_init is not None)
        declare(
            self,
            declarations.conv(
                window,
                inputs,
                outputs,
                kernel_init=kernel_init,
                bias_init=bias_init,
                output_layer=output_layer,
            ),
        )
        self.spatial_padding = padding

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = self._margins(x)
        if top == bottom and left == right:
            return F.conv2d(x, self.weight, self.bias, self.stride, (top, left))
        return F.conv2d(F.pad(x, (left, right, top, bottom)), self.weight, self.bias, self.stride)

    def _margins(self, x: Tensor) -> tuple[tuple[int, int], ...]:
        """Zeros (before, after) along H and W. SAME keeps ceil(size / stride) outputs, an odd zero
        comes after.
        """
        if isinstance(self.spatial_padding, tuple):
            return self.spatial_padding
        if self.spatial_padding == "VALID":
            return ((0, 0), (0, 0))
        margins = []
        for size, window, stride in zip(x.shape[2:], self.kernel_size, self.stride, strict=True):
            total = max((-(-size // stride) - 1) * stride + window - size, 0)
            margins.append((total // 2, total - total // 2))
        return tuple(margins)


class ConvTranspose(nn.ConvTranspose2d):
    """x [B, C, H, W] -> [B, C', s H, s W]: every pixel becomes a patch of s x s pixels.

    A transposed convolution with window and stride s, without bias. The canonical kernel lies
    reversed in space.
    """

    def __init__(self, inputs: int, outputs: int, window: int):
        super().__init__(inputs, outputs, window, window, bias=False)
        declare(self, declarations.conv((window, window), inputs, outputs, transposed=True))


class BatchNorm(nn.BatchNorm2d):
    """x [B, C, H, W] normalised over all axes but C (Ioffe and Szegedy 2015).

    In training with the statistics of the batch, else with the running ones. Running mean and
    variance move by decay * running + (1 - decay) * batch; the variance is the biased one (divided
    by n) throughout, where PyTorch's own layer keeps the unbiased one.
    """

    def __init__(self, width: int, *, decay: float, epsilon: float, scale_init: Initializer = ONES):
        super().__init__(width, epsilon, 1 - decay)
        declare(self, declarations.batch_norm(width, scale_init))
        self.decay = decay

    def forward(self, x: Tensor, how: Pass) -> Tensor:
        assert self.running_mean is not None and self.running_var is not None
        if not how.train:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        if placement.num_ranks() > 1:
            return self._over_ranks(x, how)
        if not how.update_batch_norm:
            return F.batch_norm(x, None, None, self.weight, self.bias, True, eps=self.eps)
        # With momentum 1 PyTorch writes the batch's own mean and unbiased variance into the two
        # buffers.
        mean, var = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        y = F.batch_norm(x, mean, var, self.weight, self.bias, True, 1.0, self.eps)
        n = x.numel() // x.shape[1]
        with torch.no_grad():
            self.running_mean.mul_(self.decay).add_(mean, alpha=1 - self.decay)
            self.running_var.mul_(self.decay).add_(var, alpha=(1 - self.decay) * (n - 1) / n)
        return y

    def _over_ranks(self, x: Tensor, how: Pass) -> Tensor:
        """The same in training, with the statistics of the global batch."""
        n = x.new_tensor(x.numel() // x.shape[1])
        own_var, own_mean = torch.var_mean(x, (0, 2, 3), correction=0)
        mean, var = of_global_batch(n, own_mean, own_var)
        if how.update_batch_norm:
            self.move_statistics(mean, var)
        factor = torch.rsqrt(var + self.eps) * self.weight
        mean, factor, bias = (v[:, None, None] for v in (mean, factor, self.bias))
        return (x - mean) * factor + bias

    @torch.no_grad()
    def move_statistics(self, mean: Tensor, var: Tensor) -> None:
        """Moves the running ones towards the mean and biased variance of a batch."""
        assert self.running_mean is not None and self.running_var is not None
        self.running_mean.mul_(self.decay).add_(mean, alpha=1 - self.decay)
        self.running_var.mul_(self.decay).add_(var, alpha=1 - self.decay)


def of_global_batch(n: Tensor, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of the global batch from those of the `n` rows that each rank counts
    (Chan et al. 1979): one message, and no digits lost where means are large.
    """
    if placement.num_ranks() == 1:
        return mean, var
    own = torch.cat([n[None], n * mean, n * var])
    rows = [torch.zeros_like(own) for _ in range(placement.num_ranks())]
    rows[placement.rank()] = own
    every = placement.SumOverRanks.apply(torch.stack(rows))
    counts, sums, squares = every.split([1, len(mean), len(mean)], 1)
    total = torch.clamp(torch.sum(counts), min=1)
    mean = torch.sum(sums, 0) / total
    distances = sums / torch.clamp(counts, min=1) - mean
    return mean, torch.sum(squares + counts * torch.square(distances), 0) / total


class LayerNorm(nn.LayerNorm):
    """x [..., D] normalised over the last axis (Ba et al. 2016), variance biased."""

    def __init__(self, width: int, *, epsilon: float):
        super().__init__(width, epsilon)
        declare(self, declarations.layer_norm(width))


class InstanceNorm(nn.InstanceNorm2d):
    """x [B, C, H, W], each channel of an example normalised by itself (Ulyanov et al. 2016),
    variance biased; no scale, no bias.
    """

    def __init__(self, *, epsilon: float):
        super().__init__(0, epsilon)  # without scale and bias the number of channels is not used

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.instance_norm(x_BCHW, eps=self.eps)


class ImageLayerNorm(nn.GroupNorm):
    """x [B, C, H, W] normalised over all of an example, variance biased; a scale and a bias for
    each channel.
    """

    def __init__(self, width: int, *, epsilon: float):
        super().__init__(1, width, epsilon)
        declare(self, declarations.layer_norm(width))


class RMSNorm(nn.RMSNorm):
    """x [..., D] divided by its root mean square over the last axis (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, *, epsilon: float):
        super().__init__(width, epsilon)
        declare(self, declarations.layer_norm(width, bias=False))


def at_least_float32(x: Tensor) -> Tensor:
    """x in float32, or in its own type if that is finer."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Embedding(nn.Embedding):
    """ids int [...] -> [..., D]; `attend` is the tied output projection [..., D] -> [..., rows]."""

    def __init__(
        self, rows: int, width: int, initializer: Initializer, tied_to: tuple[str, ...] = ()
    ):
        super().__init__(rows, width)
        declare(self, declarations.embedding(rows, width, initializer, tied_to))

    def attend(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight)


class Dropout(nn.Module):
    """Sets a random fraction of x to zero in training and divides the rest by one minus that
    fraction.

    `site`, the module's canonical name, says which mask is drawn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.site = ""

    def forward(self, x: Tensor, how: Pass) -> Tensor:
        rate = how.dropout_rate
        if not how.train or rate == 0.0:
            return x
        if how.keep_mask is None:
            return self.own_dropout(x, rate)
        assert self.site
        keep = how.keep_mask(self.site, self.mask_shape(tuple(x.shape)), rate)
        return torch.where(keep, x / (1 - rate), 0)

    def own_dropout(self, x: Tensor, rate: float) -> Tensor:
        return F.dropout(x, rate)

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


class ChannelDropout(Dropout):
    """Dropout of whole channels of x [B, C, H, W]."""

    def own_dropout(self, x: Tensor, rate: float) -> Tensor:
        return F.dropout2d(x, rate)

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[0], shape[1], 1, 1


class MultiHeadAttention(nn.Module):
    """queries [B, T, D], keys-values [B, S, D] -> [B, T, D] (Vaswani et al. 2017); no mask."""

    def __init__(self, width: int, num_heads: int, *, kernel_init: Initializer):
        super().__init__()
        heads = (num_heads, width // num_heads)
        dense = functools.partial(Dense, kernel_init=kernel_init, bias_type=ATTENTION_BIAS)
        self.query = dense(width, heads, kernel_type=ATTENTION_Q)
        self.key = dense(width, heads, kernel_type=ATTENTION_K)
        self.value = dense(width, heads, kernel_type=ATTENTION_V)
        self.out = dense(heads, width, kernel_type=ATTENTION_OUT)

    def forward(self, x_BTD: Tensor, memory_BSD: Tensor) -> Tensor:
        q_BTNK, k_BSNK, v_BSNK = self.query(x_BTD), self.key(memory_BSD), self.value(memory_BSD)
        return self.out(attention(q_BTNK, k_BSNK, v_BSNK, scale=1 / math.sqrt(q_BTNK.shape[-1])))


def attention(
    q_BTNK: Tensor,
    k_BSNK: Tensor,
    v_BSNK: Tensor,
    *,
    scale: float,
    causal: bool = False,
    bias: Tensor | None = None,
) -> Tensor:
    """softmax(scale * q k^T + bias) v for each head, [B, T, N, K]; `bias` [B or 1, 1, T or 1, S].
    Causal: token t sees tokens up to t.
    """
    q, k, v = (x.transpose(1, 2) for x in (q_BTNK, k_BSNK, v_BSNK))
    y = F.scaled_dot_product_attention(q, k, v, bias, scale=scale, is_causal=causal)
    return y.transpose(1, 2)


def max_pool(x_BCHW: Tensor, *, window: int, stride: int, margin: int) -> Tensor:
    """Largest value of each window; `margin` pixels on each side never win."""
    return F.max_pool2d(x_BCHW, window, stride, margin)


def mean_pool(x_BCHW: Tensor, *, window: int, stride: int) -> Tensor:
    """Mean of each window that lies inside the image."""
    return F.avg_pool2d(x_BCHW, window, stride)
