"""Position tables that are constants of a model: the same array in every backend."""

import numpy as np


def sincos_2d(rows: int, columns: int, width: int) -> np.ndarray:
    """Fixed sin-cos positions of a grid of tokens, float32 [rows * columns, width], rows first.

    Token (y, x) has [sin(x w), cos(x w), sin(y w), cos(y w)] with w_k = 10000^(-k / (width/4 - 1)),
    as in MoCo v3 (Chen et al. 2021, arXiv 2104.02057). `width` must be a multiple of 4, at least 8.
    """
    assert width % 4 == 0 and width >= 8
    frequencies = 10000.0 ** (-np.arange(width // 4) / (width // 4 - 1))
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    angles_x = np.outer(x.ravel(), frequencies)
    angles_y = np.outer(y.ravel(), frequencies)
    parts = [np.sin(angles_x), np.cos(angles_x), np.sin(angles_y), np.cos(angles_y)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def sincos_1d(length: int, width: int) -> np.ndarray:
    """Fixed sinusoid positions, float32 [length, width]: sines in the first half of the columns,
    cosines in the second.

    Column k of either half has frequency 10000^(-k / (width/2 - 1)). `width` must be even, at least
    4.
    """
    assert width % 2 == 0 and width >= 4
    frequencies = 10000.0 ** (-np.arange(width // 2) / (width // 2 - 1))
    angles = np.outer(np.arange(length), frequencies)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def rotary(length: int, width: int, theta: float) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of rotary positions, two float32 [length, width/2] (Su et al. 2021, arXiv
    2104.09864).

    Angle of position t and pair i: t * theta^(-2i / width).
    """
    frequencies = theta ** (-np.arange(0, width, 2) / width)
    angles = np.outer(np.arange(length), frequencies)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def sinusoids(length: int, width: int) -> np.ndarray:
    """Positions of a sequence, float32 [length, width]: [sin(t w), cos(t w)] with w_k =
    10000^(-k / (width/2 - 1)) (Vaswani et al. 2017, with all sines first). `width` must be even, at
    least 4.
    """
    assert width % 2 == 0 and width >= 4
    frequencies = 10000.0 ** (-np.arange(width // 2) / (width // 2 - 1))
    angles = np.outer(np.arange(length), frequencies)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
