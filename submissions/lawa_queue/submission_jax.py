"""NadamW in JAX, evaluated at the mean of its latest parameters. README.md has the formulas."""

from typing import Any, NamedTuple

import jax
from jax import numpy as jnp

from submissions.common import batch_sizes, training_jax
from submissions.common.lawa_jax import functions
from submissions.lawa_queue.settings import BATCH_SIZES


class Queue(NamedTuple):
    """The k latest parameters, the oldest first, of which `num_averaged` so far were taken in; zeros
    before the first of them.
    """

    num_averaged: jax.Array
    latest: list[Any]

    @staticmethod
    def init(params, point):
        latest = [jax.tree.map(jnp.zeros_like, params) for _ in range(point.k)]
        return Queue(jnp.zeros((), jnp.int32), latest)

    @staticmethod
    def update(state, params, point):
        return Queue(state.num_averaged + 1, [*state.latest[1:], jax.tree.map(jnp.copy, params)])

    @staticmethod
    def value(state, params):
        return _mean(state, params)


@jax.jit
def _mean(state, params):
    count = jnp.minimum(state.num_averaged, len(state.latest))

    def mean(p, *latest):
        return jnp.where(count > 0, sum(latest) / jnp.maximum(count, 1).astype(p.dtype), p)

    return jax.tree.map(mean, params, *state.latest)


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(Queue)
data_selection = training_jax.data_selection
