"""NadamW in JAX, evaluated at the mean of its latest parameters. README.md has the formulas."""

from typing import Any, NamedTuple

import jax
from jax import numpy as jnp

from submissions.common import batch_sizes, training_jax
from submissions.common.lawa_jax import functions
from submissions.lawa_queue.settings import BATCH_SIZES


class Queue(NamedTuple):
    """The latest parameters, [k, ...] each, of which `count` so far were taken in."""

    count: jax.Array
    latest: Any

    @staticmethod
    def init(params, point):
        latest = jax.tree.map(lambda p: jnp.zeros((point.k, *p.shape), p.dtype), params)
        return Queue(jnp.zeros((), jnp.int32), latest)

    @staticmethod
    def update(state, params, point):
        return _put(state, params)

    @staticmethod
    def value(state, params):
        return _mean(state, params)


@jax.jit(donate_argnums=0)
def _put(state, params):
    def put(rows, p):
        return rows.at[state.count % len(rows)].set(p)

    return Queue(state.count + 1, jax.tree.map(put, state.latest, params))


@jax.jit
def _mean(state, params):
    def mean(rows, p):
        count = jnp.minimum(state.count, len(rows))
        return jnp.where(count > 0, rows.sum(0) / jnp.maximum(count, 1).astype(p.dtype), p)

    return jax.tree.map(mean, state.latest, params)


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(Queue)
data_selection = training_jax.data_selection
