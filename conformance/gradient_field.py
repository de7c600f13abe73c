"""Gradients that do not come from a model: what a port check feeds to both sides.

At step t the loss is the sum over parameters of <g_t, p> + c/2 |p|^2, so that its gradient at p is
g_t + c p. The part g_t is the same for every algorithm; the small part c p tells at which point an
algorithm takes its gradient, as in sharpness-aware minimization.
"""

import math
from collections.abc import Mapping

import numpy as np

from spec import rng

Arrays = dict[str, np.ndarray]

SMALLEST_SCALE = (
    1e-3  # typical gradient of the parameter with the smallest ones; the largest have 1
)
CURVATURE = 0.1  # of a parameter's loss, in units of its gradient's scale


class GradientField:
    """The field over parameters of given canonical shapes, from a seed of the specification's
    generator.

    Attributes:
      curvatures: c of every parameter, the same for all of its entries.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], seed: int):
        self._shapes = dict(shapes)
        self._seed = seed
        scales = rng.uniform64(rng.key(seed, "gradient scale"), len(shapes))
        # Log-uniform, since sizes of a real model's gradients span orders of magnitude.
        self._scales = dict(zip(self._shapes, SMALLEST_SCALE**scales, strict=True))
        self._directions = self._normal("gradient direction")
        self.curvatures = {
            name: np.full(shape, CURVATURE * self._scales[name])
            for name, shape in self._shapes.items()
        }

    def at(self, step: int) -> Arrays:
        """g_t of every parameter, float64 by canonical name: a lasting direction and noise, times a
        size that goes up and down over the steps.
        """
        amplitude = math.exp(math.sin(step / 7))
        noise = self._normal("gradient noise", step)
        return {
            name: scale * amplitude * (0.5 * self._directions[name] + noise[name])
            for name, scale in self._scales.items()
        }

    def _normal(self, purpose: str, step: int = 0) -> Arrays:
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        uniform = rng.uniform64(rng.key(self._seed, purpose, step=step), sum(sizes))
        parts = np.split(rng.normal_quantile(uniform), np.cumsum(sizes)[:-1])
        return {
            name: part.reshape(shape)
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }
