"""The types of `chex`. A function of the real package needs the real package."""

from typing import Any

import jax
import numpy as np

Array = jax.Array
ArrayBatched = jax.Array
ArrayDevice = jax.Array
ArraySharded = jax.Array
ArrayNumpy = np.ndarray
ArrayDType = Any
ArrayTree = Any
ArrayDeviceTree = Any
ArrayNumpyTree = Any
Device = jax.Device
Numeric = jax.Array | np.ndarray | float
PRNGKey = jax.Array
PyTreeDef = Any
Scalar = float
Shape = Any


def __getattr__(name: str) -> Any:
    raise AttributeError(f"chex.{name} is used, but chex is not installed: pip install chex")
