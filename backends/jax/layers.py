"""Layers that all models are made of. Dimensions: B batch, H height, W width, T tokens, D model
width, N heads, K head width.

A model is built abstractly: every variable holds a shape and no value. Values come from the
specification, and `backends/jax/workload.py` puts them in and makes a pure function of the module.
What a layer declares (shape, kind, law of the initial value) stands in spec/declarations.py.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
from flax import nnx

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

Array = jax.Array
Padding = (
    str | tuple[tuple[int, int], ...]
)  # `SAME`, `VALID`, or (before, after) for each spatial axis

LEAK = 0.2  # slope of LEAKY_RELU below 0
ACTIVATIONS: dict[int, Callable[[Array], Array]] = {
    RELU: jax.nn.relu,
    SILU: jax.nn.silu,
    GELU_TANH: lambda x: jax.nn.gelu(x, approximate=True),
    TANH: jnp.tanh,
    LEAKY_RELU: lambda x: jax.nn.leaky_relu(x, LEAK),
    SIGMOID: jax.nn.sigmoid,
}


@dataclasses.dataclass(frozen=True)
class Pass:
    """How one forward pass is made.

    Attributes:
      train: batch statistics and dropout are in use.
      update_batch_norm: running statistics move too; only meaningful in training.
      dropout_rate: fraction of activations that is set to zero; a number or a traced scalar.
      keep_mask: (site, shape, rate) -> bool array, True where an activation is kept.
      uniform: (site, shape) -> float array on [0, 1), for augmentation inside the model.
    """

    train: bool
    update_batch_norm: bool = False
    dropout_rate: float | Array = 0.0
    keep_mask: Callable[[str, tuple[int, ...], float | Array], Array] | None = None
    uniform: Callable[[str, tuple[int, ...]], Array] | None = None


def declare(module: nnx.Module, declared: Declarations) -> None:
    """Gives the module one abstract parameter per declaration."""
    for name, parameter in declared.items():
        value = jax.ShapeDtypeStruct(tuple(parameter.shape), jnp.float32)
        setattr(module, name, nnx.Param(value, declaration=parameter.SerializeToString()))


def walk(module: nnx.Pytree, prefix: str = "") -> Iterator[tuple[str, nnx.Variable | nnx.Pytree]]:
    """Yields (canonical dotted name, object) of all variables and modules inside, in order of
    definition.
    """
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        if isinstance(value, nnx.Variable):
            yield prefix + name, value
        elif isinstance(value, nnx.Pytree):
            yield prefix + name, value
            yield from walk(value, f"{prefix}{name}.")


def parameters(model: nnx.Module) -> list[Parameter]:
    """The model's parameters with their canonical names, in order of definition."""
    result = []
    for name, variable in walk(model):
        if isinstance(variable, nnx.Param):
            parameter = Parameter.FromString(variable.declaration)
            parameter.name = name
            result.append(parameter)
    return result


class Dense(nnx.Module):
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
        self.num_input_axes = len(inputs)
        self.has_bias = bias_init is not None

    def __call__(self, x: Array) -> Array:
        y = jnp.tensordot(x, self.kernel[...], self.num_input_axes)
        return y + self.bias[...] if self.has_bias else y


class Conv(nnx.Module):
    """x [B, *space, inputs] -> [B, *space', outputs]: convolution (no flip) over one or two spatial
    axes.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        window: tuple[int, ...],
        *,
        stride: int = 1,
        padding: Padding = "SAME",
        kernel_init: Initializer = LECUN_NORMAL,
        bias_init: Initializer | None = None,
        output_layer: bool = False,
    ):
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
        self.strides = (stride,) * len(window)
        self.padding = padding
        self.has_bias = bias_init is not None

    def __call__(self, x: Array) -> Array:
        space = "HW"[: len(self.strides)]
        y = jax.lax.conv_general_dilated(
            x,
            self.kernel[...],
            self.strides,
            self.padding,
            dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        )
        return y + self.bias[...] if self.has_bias else y


class ConvTranspose(nnx.Module):
    """x [B, H, W, inputs] -> [B, s H, s W, outputs]: every pixel becomes a patch of s x s pixels.

    A transposed convolution with window and stride s, without bias. The kernel lies reversed in
    space: output pixel s i + a is input pixel i times kernel s - 1 - a, along both axes.
    """

    def __init__(self, inputs: int, outputs: int, window: int):
        declare(self, declarations.conv((window, window), inputs, outputs, transposed=True))
        self.strides = (window, window)

    def __call__(self, x_BHWC: Array) -> Array:
        return jax.lax.conv_transpose(x_BHWC, self.kernel[...], self.strides, "SAME")


class BatchNorm(nnx.Module):
    """x [..., D] normalised over all axes but the last (Ioffe and Szegedy 2015).

    In training with the statistics of the batch, else with the running ones. Running mean and
    variance move by decay * running + (1 - decay) * batch; the variance is the biased one (divided
    by n) throughout.
    """

    def __init__(self, width: int, *, decay: float, epsilon: float, scale_init: Initializer = ONES):
        declare(self, declarations.batch_norm(width, scale_init))
        self.mean = nnx.BatchStat(jax.ShapeDtypeStruct((width,), jnp.float32), initial=0.0)
        self.var = nnx.BatchStat(jax.ShapeDtypeStruct((width,), jnp.float32), initial=1.0)
        self.decay = decay
        self.epsilon = epsilon

    def __call__(self, x: Array, how: Pass) -> Array:
        mean, var = self.mean[...], self.var[...]
        if how.train:
            axes = tuple(range(x.ndim - 1))
            mean = jnp.mean(x, axes)
            var = jnp.mean(jnp.square(x - mean), axes)
            if how.update_batch_norm:
                self.mean[...] = self.decay * self.mean[...] + (1 - self.decay) * mean
                self.var[...] = self.decay * self.var[...] + (1 - self.decay) * var
        factor = jax.lax.rsqrt(var + self.epsilon) * self.scale[...]
        return (x - mean) * factor + self.bias[...]


class LayerNorm(nnx.Module):
    """x [..., D] normalised over the last axis (Ba et al. 2016), variance biased."""

    def __init__(self, width: int, *, epsilon: float):
        declare(self, declarations.layer_norm(width))
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        return _standardized(x, (-1,), self.epsilon) * self.scale[...] + self.bias[...]


class InstanceNorm(nnx.Module):
    """x [B, H, W, C], each channel of an example normalised by itself (Ulyanov et al. 2016),
    variance biased; no scale, no bias.
    """

    def __init__(self, *, epsilon: float):
        self.epsilon = epsilon

    def __call__(self, x_BHWC: Array) -> Array:
        return _standardized(x_BHWC, (1, 2), self.epsilon)


class ImageLayerNorm(nnx.Module):
    """x [B, H, W, C] normalised over all of an example, variance biased; a scale and a bias for
    each channel.
    """

    def __init__(self, width: int, *, epsilon: float):
        declare(self, declarations.layer_norm(width))
        self.epsilon = epsilon

    def __call__(self, x_BHWC: Array) -> Array:
        return _standardized(x_BHWC, (1, 2, 3), self.epsilon) * self.scale[...] + self.bias[...]


def _standardized(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    centred = x - jnp.mean(x, axes, keepdims=True)
    var = jnp.mean(jnp.square(centred), axes, keepdims=True)
    return centred * jax.lax.rsqrt(var + epsilon)


class RMSNorm(nnx.Module):
    """x [..., D] divided by its root mean square over the last axis (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, *, epsilon: float):
        declare(self, declarations.layer_norm(width, bias=False))
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        exact = at_least_float32(x)
        mean_square = jnp.mean(jnp.square(exact), -1, keepdims=True)
        normalised = exact * jax.lax.rsqrt(mean_square + self.epsilon) * self.scale[...]
        return normalised.astype(x.dtype)


def at_least_float32(x: Array) -> Array:
    """x in float32, or in its own type if that is finer."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


class Embedding(nnx.Module):
    """ids int [...] -> [..., D]; `attend` is the tied output projection [..., D] -> [..., rows]."""

    def __init__(
        self, rows: int, width: int, initializer: Initializer, tied_to: tuple[str, ...] = ()
    ):
        declare(self, declarations.embedding(rows, width, initializer, tied_to))

    def __call__(self, ids: Array) -> Array:
        return jnp.take(self.embedding[...], ids, axis=0)

    def attend(self, x: Array) -> Array:
        return x @ self.embedding[...].T


class Dropout(nnx.Module):
    """Sets a random fraction of x to zero in training and divides the rest by one minus that
    fraction.

    `site`, the module's canonical name, says which mask is drawn.
    """

    def __init__(self) -> None:
        self.site = ""

    def __call__(self, x: Array, how: Pass) -> Array:
        rate = how.dropout_rate
        if not how.train or (isinstance(rate, int | float) and rate == 0):
            return x
        assert how.keep_mask is not None and self.site
        keep = how.keep_mask(self.site, self.mask_shape(x.shape), rate)
        return jnp.where(keep, x / (1 - rate), 0)

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


class ChannelDropout(Dropout):
    """Dropout of whole channels of x [B, H, W, C]."""

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[0], 1, 1, shape[3]


class MultiHeadAttention(nnx.Module):
    """queries [B, T, D], keys-values [B, S, D] -> [B, T, D] (Vaswani et al. 2017); no mask."""

    def __init__(self, width: int, num_heads: int, *, kernel_init: Initializer):
        heads = (num_heads, width // num_heads)
        dense = functools.partial(Dense, kernel_init=kernel_init, bias_type=ATTENTION_BIAS)
        self.query = dense(width, heads, kernel_type=ATTENTION_Q)
        self.key = dense(width, heads, kernel_type=ATTENTION_K)
        self.value = dense(width, heads, kernel_type=ATTENTION_V)
        self.out = dense(heads, width, kernel_type=ATTENTION_OUT)

    def __call__(self, x_BTD: Array, memory_BSD: Array) -> Array:
        q_BTNK, k_BSNK, v_BSNK = self.query(x_BTD), self.key(memory_BSD), self.value(memory_BSD)
        return self.out(attention(q_BTNK, k_BSNK, v_BSNK, scale=1 / math.sqrt(q_BTNK.shape[-1])))


def attention(
    q_BTNK: Array,
    k_BSNK: Array,
    v_BSNK: Array,
    *,
    scale: float,
    causal: bool = False,
    bias: Array | None = None,
) -> Array:
    """softmax(scale * q k^T + bias) v for each head, [B, T, N, K]; `bias` [B or 1, 1, T or 1, S].
    Causal: token t sees tokens up to t.

    Written out where all is in one precision, since the library's rounds float64 to float32.
    """
    if q_BTNK.dtype == jnp.bfloat16:
        return jax.nn.dot_product_attention(
            q_BTNK, k_BSNK, v_BSNK, bias, scale=scale, is_causal=causal
        )
    logits_BNTS = scale * jnp.einsum("BTNK,BSNK->BNTS", q_BTNK, k_BSNK)
    if bias is not None:
        logits_BNTS = logits_BNTS + bias
    if causal:
        seen_TS = jnp.tri(q_BTNK.shape[1], k_BSNK.shape[1], dtype=bool)
        logits_BNTS = jnp.where(seen_TS, logits_BNTS, -jnp.inf)
    return jnp.einsum("BNTS,BSNK->BTNK", jax.nn.softmax(logits_BNTS), v_BSNK)


def max_pool(x_BHWC: Array, *, window: int, stride: int, margin: int) -> Array:
    """Largest value of each window; `margin` pixels on each side never win."""
    margins = ((0, 0), (margin, margin), (margin, margin), (0, 0))
    return jax.lax.reduce_window(
        x_BHWC, -jnp.inf, jax.lax.max, (1, window, window, 1), (1, stride, stride, 1), margins
    )


def mean_pool(x_BHWC: Array, *, window: int, stride: int) -> Array:
    """Mean of each window that lies inside the image."""
    sums = jax.lax.reduce_window(
        x_BHWC, 0.0, jax.lax.add, (1, window, window, 1), (1, stride, stride, 1), "VALID"
    )
    return sums / window**2
