"""AdEMAMix in JAX, as optax has it. README.md has the formulas."""

import math

import optax
from jax import numpy as jnp

from submissions.common import points, training_jax
from submissions.common.schedules import warmup_cosine

EPSILON = 1e-8


def mixing(point):
    """(steps before this one) -> a_t."""
    return lambda count: point.alpha * jnp.minimum((count + 1.0) / point.alpha_warmup, 1.0)


def slow_decay(point):
    """(steps before this one) -> b3_t: its half-life grows linearly from that of b1."""
    start, end = (1 / math.log(b) for b in (1 - point.one_minus_beta1, point.beta3))

    def decay(count):
        progress = jnp.minimum((count + 1.0) / point.beta3_warmup, 1.0)
        return jnp.exp(1 / ((1 - progress) * start + progress * end))

    return decay


def optimizer(workload, point):
    return optax.chain(
        optax.contrib.scale_by_ademamix(
            b1=1 - point.one_minus_beta1,
            b2=point.beta2,
            b3=slow_decay(point),
            alpha=mixing(point),
            eps=EPSILON,
        ),
        optax.add_decayed_weights(point.weight_decay),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(
    optimizer, warmup_cosine, self_tuning=points.listed(__file__)[0]
)
data_selection = training_jax.data_selection
