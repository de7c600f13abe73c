"""Initial values of parameters: the one implementation of every law in parameter.proto.

A value depends on the seed, the parameter's name, shape and law, and on nothing else: not on the
framework, not on the order in which parameters are made, not on the other parameters.
"""

import functools
import math
from collections.abc import Callable

import numpy as np

from spec import rng
from spec.parameter_pb2 import Initializer, Parameter

# Standard deviation of a standard normal cut at +-2, and its distribution function at -2.
TRUNCATED_STDDEV = 0.87962566103423978
TRUNCATED_LOW = 0.022750131948179207

Scaling = Initializer.VarianceScaling
ZEROS = Initializer(constant=Initializer.Constant(value=0))
ONES = Initializer(constant=Initializer.Constant(value=1))
LECUN_NORMAL = Initializer(
    variance_scaling=Scaling(scale=1, mode=Scaling.FAN_IN, distribution=Scaling.TRUNCATED_NORMAL)
)
HE_NORMAL = Initializer(
    variance_scaling=Scaling(scale=2, mode=Scaling.FAN_IN, distribution=Scaling.TRUNCATED_NORMAL)
)
GLOROT_UNIFORM = Initializer(
    variance_scaling=Scaling(scale=1, mode=Scaling.FAN_AVERAGE, distribution=Scaling.UNIFORM)
)
GLOROT_NORMAL = Initializer(
    variance_scaling=Scaling(
        scale=1, mode=Scaling.FAN_AVERAGE, distribution=Scaling.TRUNCATED_NORMAL
    )
)

ORTHOGONAL = Initializer(orthogonal=Initializer.Orthogonal())


def constant(value: float) -> Initializer:
    return Initializer(constant=Initializer.Constant(value=value))


def normal(stddev: float) -> Initializer:
    return Initializer(normal=Initializer.Normal(stddev=stddev))


def truncated_normal(stddev: float) -> Initializer:
    return Initializer(truncated_normal=Initializer.TruncatedNormal(stddev=stddev))


def uniform(low: float, high: float) -> Initializer:
    return Initializer(uniform=Initializer.Uniform(low=low, high=high))


def initial_value(parameter: Parameter, seed: int) -> np.ndarray:
    """The parameter's first value: float32 of its canonical shape.

    Numbers are drawn and scaled in float64 and rounded once, in pieces, so that besides the result
    only a fixed few tens of MB are needed.
    """
    key = rng.key(seed, "initialize", parameter.name)
    if parameter.initializer.HasField("orthogonal"):
        return _orthogonal(key, tuple(parameter.shape))
    law = _law(parameter)
    result = np.empty(math.prod(parameter.shape), np.float32)
    for start in range(0, result.size, rng.CHUNK):
        piece = result[start : start + rng.CHUNK]
        piece[:] = law(key, piece.size, start)
    return result.reshape(tuple(parameter.shape))


Law = Callable[[rng.Key, int, int], np.ndarray]


def _law(parameter: Parameter) -> Law:
    """(key, count, start) -> float64[count], the numbers from `start` on."""
    initializer = parameter.initializer
    match initializer.WhichOneof("law"):
        case "constant":
            return functools.partial(_constant, initializer.constant.value)
        case "normal":
            return functools.partial(_normal, initializer.normal.stddev)
        case "truncated_normal":
            return functools.partial(_truncated_normal, initializer.truncated_normal.stddev)
        case "uniform":
            return functools.partial(_uniform, initializer.uniform.low, initializer.uniform.high)
        case "variance_scaling":
            return _variance_scaling(initializer.variance_scaling, parameter)
    raise ValueError(f"parameter {parameter.name}: no initializer law is set")


def _variance_scaling(scaling: Scaling, parameter: Parameter) -> Law:
    fans = {
        Scaling.FAN_IN: parameter.fan_in,
        Scaling.FAN_OUT: parameter.fan_out,
        Scaling.FAN_AVERAGE: (parameter.fan_in + parameter.fan_out) / 2,
    }
    fan = fans[scaling.mode]
    if fan <= 0:
        mode = Scaling.Mode.Name(scaling.mode)
        raise ValueError(
            f"parameter {parameter.name}: variance scaling over {mode}, which is {fan}"
        )
    stddev = math.sqrt(scaling.scale / fan)
    if scaling.distribution == Scaling.UNIFORM:
        return functools.partial(_uniform, -math.sqrt(3) * stddev, math.sqrt(3) * stddev)
    if scaling.distribution == Scaling.NORMAL:
        return functools.partial(_normal, stddev)
    return functools.partial(_truncated_normal, stddev / TRUNCATED_STDDEV)


def _constant(value: float, key: rng.Key, count: int, start: int) -> np.ndarray:
    return np.full(count, value)


def _normal(stddev: float, key: rng.Key, count: int, start: int) -> np.ndarray:
    return stddev * rng.normal_quantile(rng.uniform64(key, count, start))


def _truncated_normal(stddev: float, key: rng.Key, count: int, start: int) -> np.ndarray:
    p = TRUNCATED_LOW + (1 - 2 * TRUNCATED_LOW) * rng.uniform64(key, count, start)
    return stddev * rng.normal_quantile(p)


def _uniform(low: float, high: float, key: rng.Key, count: int, start: int) -> np.ndarray:
    return low + (high - low) * rng.uniform64(key, count, start)


def _orthogonal(key: rng.Key, shape: tuple[int, ...]) -> np.ndarray:
    """Rows of normal numbers made orthonormal one after the other (Gram-Schmidt, each projection
    taken off the rows behind at once).

    A library's factorisation has other last bits on another machine; this has only additions,
    multiplications, divisions and square roots in a fixed order.
    """
    rows, columns = shape
    if rows != columns:
        raise ValueError(f"an orthogonal matrix of shape {list(shape)}, expected a square one")
    x = rng.normal_quantile(rng.uniform64(key, rows * columns)).reshape(shape)
    for row in range(rows):
        x[row] /= np.sqrt(_sum_of_last_axis(x[row] * x[row]))
        behind = x[row + 1 :]
        behind -= _sum_of_last_axis(behind * x[row])[:, None] * x[row]
    return x.astype(np.float32)


def _sum_of_last_axis(x: np.ndarray) -> np.ndarray:
    """Sums in an order that does not depend on the machine, as numpy's own does: the second half is
    added to the first, again and again.
    """
    while (size := x.shape[-1]) > 1:
        half = size // 2
        rest = x[..., 2 * half :]
        x = x[..., :half] + x[..., half : 2 * half]
        if rest.shape[-1]:
            x = np.concatenate([x, rest], -1)
    return x[..., 0]
