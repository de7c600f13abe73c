"""NadamP in JAX: NadamW with (v / (1 - b2^t))^(1/power) in its denominator."""

import optax

from submissions.common import training_jax
from submissions.common.nadam_jax import scale_by_nadam
from submissions.common.schedules import warmup_cosine_fractions

EPSILON = 1e-8


def optimizer(workload, point):
    return optax.chain(
        scale_by_nadam(point.beta1, point.beta2, EPSILON, point.power),
        optax.add_decayed_weights(point.weight_decay),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(
    optimizer, warmup_cosine_fractions
)
data_selection = training_jax.data_selection
