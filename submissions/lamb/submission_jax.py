"""LAMB in JAX, as optax has it."""

import optax

from submissions.common import training_jax
from submissions.common.schedules import warmup_cosine

EPSILON = 1e-6


def optimizer(workload, point):
    return optax.chain(
        optax.scale_by_adam(1 - point.one_minus_beta1, point.beta2, EPSILON),
        optax.add_decayed_weights(point.weight_decay),
        optax.scale_by_trust_ratio(),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(optimizer, warmup_cosine)
data_selection = training_jax.data_selection
