"""Random arrays of generated data sets, each a function of the workload's seed and a name."""

import math

import numpy as np

from spec import rng
from spec.workload_pb2 import Workload


def uniform(workload: Workload, name: str, shape: tuple[int, ...]) -> np.ndarray:
    key = rng.key(workload.dataset.generated.seed, "generated", name)
    return rng.uniform64(key, math.prod(shape)).reshape(shape)


def normal(workload: Workload, name: str, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal_quantile(uniform(workload, name, shape).ravel()).reshape(shape)


def integers(workload: Workload, name: str, high: int, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform int64 in [0, high)."""
    return (uniform(workload, name, shape) * high).astype(np.int64)
