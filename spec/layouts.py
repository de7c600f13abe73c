"""Between canonical arrays and PyTorch's tensors of the same parameter (spec/parameter.proto,
`Layout`).
"""

import math

import numpy as np

from spec.parameter_pb2 import CONV, CONV_TRANSPOSE, FLAT, MATRIX, Parameter


def to_torch_layout(parameter: Parameter, canonical: np.ndarray) -> np.ndarray:
    """The canonical array [*parameter.shape] as PyTorch holds it; a view where possible."""
    if parameter.layout == FLAT:
        return canonical.reshape(-1)
    if parameter.layout == MATRIX:
        return canonical.reshape(parameter.fan_in, parameter.fan_out).T
    if parameter.layout == CONV:
        return np.moveaxis(canonical, (-1, -2), (0, 1))
    if parameter.layout == CONV_TRANSPOSE:
        return np.moveaxis(_reverse_space(canonical), (-2, -1), (0, 1))
    return canonical


def to_canonical(parameter: Parameter, held: np.ndarray) -> np.ndarray:
    """The inverse of `to_torch_layout`: a PyTorch tensor's array in canonical layout."""
    if parameter.layout == MATRIX:
        held = held.T
    if parameter.layout == CONV:
        held = np.moveaxis(held, (0, 1), (-1, -2))
    if parameter.layout == CONV_TRANSPOSE:
        held = _reverse_space(np.moveaxis(held, (0, 1), (-2, -1)))
    return np.ascontiguousarray(held).reshape(tuple(parameter.shape))


def torch_shape(parameter: Parameter, *others: Parameter) -> tuple[int, ...]:
    """Shape of the tensor that PyTorch holds; several parameters of one shape may stand in it."""
    if others:
        first, *rest = torch_shape(parameter)
        return ((1 + len(others)) * first, *rest)
    shape = tuple(parameter.shape)
    if parameter.layout == FLAT:
        return (math.prod(shape),)
    if parameter.layout == MATRIX:
        return (parameter.fan_out, parameter.fan_in)
    if parameter.layout == CONV:
        return (shape[-1], shape[-2], *shape[:-2])
    if parameter.layout == CONV_TRANSPOSE:
        return (shape[-2], shape[-1], *shape[:-2])
    return shape


def stacked(arrays: list[np.ndarray]) -> np.ndarray:
    """Arrays of one shape one behind the other along their first axis, as in an LSTM's tensors."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def unstacked(array: np.ndarray, count: int) -> list[np.ndarray]:
    """The inverse of `stacked`."""
    return [array] if count == 1 else np.split(array, count)


def _reverse_space(canonical: np.ndarray) -> np.ndarray:
    """Reverses all spatial axes of [space..., in, out]."""
    return np.flip(canonical, tuple(range(canonical.ndim - 2)))
