"""`algoperf.random_utils`: random states. JAX's own functions in JAX; in PyTorch, which has no keys,
numbers of NumPy's Mersenne twister, the same as officially.
"""

from typing import Any

import numpy as np

framework = "pytorch"  # the one that runs; set once, before a submission is imported
_BELOW = 2**31 - 1


def split(seed: Any, num: int = 2) -> Any:
    """`num` random states made of one."""
    if framework == "jax":
        return _jax().split(seed, num)
    return _generator(seed).randint(0, _BELOW, dtype=np.int32, size=[num, 2])


def fold_in(seed: Any, data: int) -> Any:
    """A random state made of one and a number."""
    if framework == "jax":
        return _jax().fold_in(seed, data)
    return [_generator(seed).randint(0, _BELOW, dtype=np.int32), data]


def PRNGKey(seed: Any) -> Any:  # noqa: N802
    """A first random state."""
    if framework == "jax":
        return _jax().PRNGKey(seed)
    return split(seed, 2)[0]


def _generator(seed: Any) -> np.random.RandomState:
    return np.random.RandomState(np.mod(np.asarray(seed, np.int64), _BELOW))


def _jax() -> Any:
    from jax import random

    return random
