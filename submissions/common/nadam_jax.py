"""Nadam's direction in JAX.

m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,
u = (b1 m + (1 - b1) g) / (1 - b1^t) / ((v / (1 - b2^t))^(1/power) + eps),  t from 1.

optax.nadamw divides the momentum by 1 - b1^(t+1) instead, as Dozat (2016) does, which moves 23 %
further in the first step; so the scaling is written out.
"""

from typing import Any, NamedTuple

import jax
import optax
from jax import numpy as jnp


class NadamState(NamedTuple):
    count: jax.Array
    first: Any
    second: Any


def scale_by_nadam(
    b1: float, b2: float, epsilon: float, power: float = 2.0
) -> optax.GradientTransformation:
    """g -> u of the formula above."""

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return NadamState(jnp.zeros((), jnp.int32), zeros, jax.tree.map(jnp.copy, zeros))

    def update(grads, state, params=None):
        t = state.count + 1
        first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.first, grads)
        second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.second, grads)
        correction1, correction2 = 1 - b1**t, 1 - b2**t

        def root(x):
            return jnp.sqrt(x) if power == 2 else x ** (1 / power)

        def direction(m, v, g):
            ahead = (b1 * m + (1 - b1) * g) / correction1
            return ahead / (root(v / correction2) + epsilon)

        return jax.tree.map(direction, first, second, grads), NadamState(t, first, second)

    return optax.GradientTransformation(init, update)
