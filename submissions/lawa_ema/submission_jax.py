"""NadamW in JAX, evaluated at a moving average of its parameters. README.md has the formulas."""

from typing import Any, NamedTuple

import jax
from jax import numpy as jnp

from submissions.common import batch_sizes, training_jax
from submissions.common.lawa_jax import functions
from submissions.lawa_ema.settings import BATCH_SIZES


class MovingAverage(NamedTuple):
    """The average of the parameters, of which `num_averaged` so far were taken in."""

    num_averaged: jax.Array
    average: Any

    @staticmethod
    def init(params, point):
        return MovingAverage(jnp.zeros((), jnp.int32), jax.tree.map(jnp.zeros_like, params))

    @staticmethod
    def update(state, params, point):
        return _moved(state, params, point.lawa_beta)

    @staticmethod
    def value(state, params):
        return _average(state, params)


@jax.jit(donate_argnums=0)
def _moved(state, params, beta):
    def moved(average, p):
        return jnp.where(state.num_averaged > 0, beta * average + (1 - beta) * p, p)

    return MovingAverage(state.num_averaged + 1, jax.tree.map(moved, state.average, params))


@jax.jit
def _average(state, params):
    return jax.tree.map(lambda a, p: jnp.where(state.num_averaged > 0, a, p), state.average, params)


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(MovingAverage)
data_selection = training_jax.data_selection
