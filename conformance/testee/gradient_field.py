"""Gradients that do not come from a model: what a port check feeds to both sides.

At step t the loss is the sum over parameters of <g_t, p> + c/2 |p|^2, so that its gradient at p is
g_t + c p. The part g_t is the same for every algorithm; the small part c p tells at which point an
algorithm takes its gradient, as in sharpness-aware minimization.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.arrays import Arrays, cast
from conformance.testee.backend import Backend
from conformance.testee.filling import filled_parameter
from spec import rng

SMALLEST_SCALE = (
    1e-3  # typical gradient of the parameter with the smallest ones; the largest have 1
)
KEPT_BYTES = 100_000_000  # of batches, for the next submission on the same field
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


class PlacedField:
    """A field over a workload's parameters in a framework's arrays.

    Attributes:
      workload: the backend's object, with the field's loss.
      start: canonical parameters to begin with.
      state: canonical batch statistics.
    """

    def __init__(self, backend: Backend, workload: Any, seed: int, dtype: str):
        self._backend, self.workload, self._dtype = backend, workload, dtype
        parameters = workload.parameters
        self.start = cast({p.name: filled_parameter(p, seed) for p in parameters}, dtype)
        self.state = workload.initial_state
        self._field = GradientField({p.name: tuple(p.shape) for p in parameters}, seed)
        self._curvatures = cast(self._field.curvatures, dtype)
        self._kept: dict[int, Any] = {}

    def batch(self, step: int) -> Any:
        """The batch on which the loss has the gradient of a step."""
        if step in self._kept:
            return self._kept[step]
        gradients = cast(self._field.at(step), self._dtype)
        batch = self._backend.field_batch(self.workload, gradients, self._curvatures)
        size = 2 * sum(g.nbytes for g in gradients.values())  # and as much of curvatures
        if (len(self._kept) + 1) * size <= KEPT_BYTES:
            self._kept[step] = batch
        return batch
