"""mixup (Zhang et al. 2017, arXiv 1710.09412) of a batch with itself moved by one row."""

import numpy as np

from spec import rng
from spec.rng import Key

PAIRS = 64  # drawn at a time


def weight(key: Key, alpha: float) -> float:
    """A draw from Beta(alpha, alpha) in [0, 1] (Jöhnk 1964): of pairs (u, v) of uniform numbers
    raised to the power 1/alpha, the first with u + v <= 1 gives u / (u + v).
    """
    start = 0
    while True:
        u, v = rng.uniform64(key, 2 * PAIRS, start).reshape(PAIRS, 2).T ** (1 / alpha)
        accepted = u + v <= 1
        if accepted.any():
            first = accepted.argmax()
            return float(u[first] / (u[first] + v[first]))
        start += 2 * PAIRS


def mixed(batch: dict[str, np.ndarray], weight: float) -> dict[str, np.ndarray]:
    """Rows 1 .. B of arrays [1 + B, ...], each times `weight` plus the row before it times
    1 - `weight`. Overwrites the arrays.
    """
    kept = np.float32(weight)
    for array in batch.values():
        for row in range(len(array) - 1, 0, -1):
            array[row] *= kept
            array[row] += (1 - kept) * array[row - 1]
    return {name: array[1:] for name, array in batch.items()}
