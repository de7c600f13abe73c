"""Parameters and state on which forward passes are compared.

Initial values hide mistakes: zeros in a head or in a last norm switch whole parts of a model off,
and ones hide a scale. So every array is filled from the specification's generator with values of a
sensible size.
"""

import math

import numpy as np

from spec import initialization
from spec.parameter_pb2 import (
    BATCH_NORM_SCALE,
    EMBEDDING,
    LAYER_NORM_SCALE,
    Parameter,
)


def filled_parameter(parameter: Parameter, seed: int) -> np.ndarray:
    """Matrices and convolutions: normal with variance 1/fan_in; embeddings: 1/width; scales: 1 +
    0.1 normal; scalars keep their initial constant plus 0.1 normal; everything else: 0.1 normal.
    float32 of the canonical shape.
    """
    shape = tuple(parameter.shape)
    name = parameter.name
    if parameter.type in (BATCH_NORM_SCALE, LAYER_NORM_SCALE):
        return 1 + _normal(seed, name, shape, 0.1)
    if parameter.type == EMBEDDING:
        return _normal(seed, name, shape, 1 / math.sqrt(shape[-1]))
    if parameter.fan_in and parameter.fan_out:
        return _normal(seed, name, shape, 1 / math.sqrt(parameter.fan_in))
    constant = parameter.initializer.constant.value if not shape else 0.0
    return np.float32(constant) + _normal(seed, name, shape, 0.1)


def filled_state(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Running means: 0.1 normal; running variances (names that end in `var`): 1 + 0.1 |normal|.
    float32.
    """
    noise = _normal(seed, name, shape, 0.1)
    return 1 + np.abs(noise) if name.endswith("var") else noise


def _normal(seed: int, name: str, shape: tuple[int, ...], stddev: float) -> np.ndarray:
    law = initialization.normal(stddev)
    stream = Parameter(name=f"conformance fill/{name}", shape=shape, initializer=law)
    return initialization.initial_value(stream, seed)
