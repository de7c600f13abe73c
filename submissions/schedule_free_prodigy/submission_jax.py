"""Schedule-Free Prodigy in JAX. README.md has the formulas."""

import math
from typing import Any, NamedTuple

import jax
import optax
from jax import numpy as jnp

from submissions.common import batch_sizes, training_jax
from submissions.common.schedule_free import EPSILON
from submissions.common.schedule_free_jax import averaged, between, functions
from submissions.schedule_free_prodigy.variant import BATCH_SIZES, FIRST_DISTANCE, VARIANT


class ProdigyState(NamedTuple):
    count: jax.Array
    weights: jax.Array  # sum of w
    distance: jax.Array
    numerator: jax.Array
    z: Any
    start: Any
    second: Any
    sums: Any


def prodigy(point, variant) -> optax.GradientTransformationExtraArgs:
    """g -> the way from y to the next y."""
    b1, b2 = 1 - point.one_minus_beta1, point.beta2
    b3 = math.sqrt(b2)

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return ProdigyState(
            jnp.zeros((), jnp.int32),
            jnp.zeros(()),
            jnp.asarray(FIRST_DISTANCE, float),
            jnp.zeros(()),
            jax.tree.map(jnp.copy, params),
            jax.tree.map(jnp.copy, params),
            zeros,
            jax.tree.map(jnp.copy, zeros),
        )

    def update(grads, state, params, *, learning_rate):
        t, d = state.count + 1, state.distance
        rate = d * learning_rate * jnp.sqrt(1 - b2**t)
        weight = t**variant.power
        weights = state.weights + weight

        def gained(g, p0, z):
            return jnp.sum(g * (p0 - z))

        def moved(v, g):
            return b2 * v + (1 - b2) * (d * g) * (d * g)

        def summed(s, g):
            return b3 * s + d * rate * g

        def stepped(y, z, v, g):
            direction = d * g / (jnp.sqrt(v) + d * EPSILON)
            return z - rate * (direction + point.weight_decay * y)

        def moved_y(y, z, new_z):
            x = averaged(y, z, b1)
            return between(x + weight / weights * (new_z - x), new_z, b1) - y

        gain = optax.tree.sum(jax.tree.map(gained, grads, state.start, state.z))
        second = jax.tree.map(moved, state.second, grads)
        sums = jax.tree.map(summed, state.sums, grads)
        norm = optax.tree.norm(sums, ord=1)
        numerator = b3 * state.numerator + d * rate * gain
        z = jax.tree.map(stepped, params, state.z, second, grads)
        updates = jax.tree.map(moved_y, params, state.z, z)
        new_d = jnp.maximum(d, numerator / norm)
        return updates, ProdigyState(t, weights, new_d, numerator, z, state.start, second, sums)

    return optax.GradientTransformationExtraArgs(init, update)


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(VARIANT, None, prodigy)
data_selection = training_jax.data_selection
