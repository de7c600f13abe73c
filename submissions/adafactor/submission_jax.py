"""Adafactor with momentum in JAX. README.md has the formulas; optax.adafactor is another variant."""

from typing import Any, NamedTuple

import jax
import optax
from jax import numpy as jnp

from submissions.common import training_jax
from submissions.common.layouts_jax import in_torch_layout
from submissions.common.schedules import warmup_cosine

BETA2 = 0.99
EPSILON = 1e-30
CLIPPING = 1.0


class AdafactorState(NamedTuple):
    count: jax.Array
    rows: Any
    columns: Any
    momentum: Any


def scale_by_adafactor(b1: float) -> optax.GradientTransformation:
    """g -> m; t counts from 1. Matrices are [out, in, space...]."""

    def init(params):
        return AdafactorState(
            jnp.zeros((), jnp.int32),
            jax.tree.map(lambda p: jnp.zeros_like(row_means(p)), params),
            jax.tree.map(lambda p: jnp.zeros_like(column_means(p)), params),
            jax.tree.map(jnp.zeros_like, params),
        )

    def update(grads, state, params=None):
        t = state.count + 1
        b2 = BETA2 * (1 - BETA2 ** (t - 1)) / (1 - BETA2**t)
        squares = jax.tree.map(lambda g: g * g + EPSILON, grads)

        def moved(means):
            return lambda old, square: b2 * old + (1 - b2) * means(square)

        rows = jax.tree.map(moved(row_means), state.rows, squares)
        columns = jax.tree.map(moved(column_means), state.columns, squares)
        scaled = jax.tree.map(normalized, grads, rows, columns)
        momentum = jax.tree.map(lambda m, u: b1 * m + (1 - b1) * u, state.momentum, scaled)
        return momentum, AdafactorState(t, rows, columns, momentum)

    return optax.GradientTransformation(init, update)


def row_means(x):
    """[out, space...] for what has an [in] axis; the numbers themselves for a vector."""
    return x.mean(1) if x.ndim > 1 else x


def column_means(x):
    """[in, space...]; nothing for a vector or number."""
    return x.mean(0) if x.ndim > 1 else x.reshape(-1)[:0]


def normalized(g, rows, columns):
    """g over the root of its factored second moment, clipped to root mean square CLIPPING."""
    if g.ndim > 1:
        u = g / jnp.sqrt(rows / rows.mean(0))[:, None] / jnp.sqrt(columns)[None]
    else:
        u = g / jnp.sqrt(rows)
    return u / jnp.maximum(1.0, jnp.sqrt(jnp.mean(u * u)) / CLIPPING)


def optimizer(workload, point):
    return optax.chain(
        in_torch_layout(scale_by_adafactor(1 - point.one_minus_beta1), workload),
        optax.add_decayed_weights(point.weight_decay),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(optimizer, warmup_cosine)
data_selection = training_jax.data_selection
