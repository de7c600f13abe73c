"""NadamW in JAX: p <- p - lr (u + wd p) with Nadam's direction u."""

import optax

from submissions.common import points, training_jax
from submissions.common.nadam_jax import scale_by_nadam
from submissions.common.schedules import warmup_cosine

EPSILON = 1e-8


def optimizer(workload, point):
    return optax.chain(
        scale_by_nadam(1 - point.one_minus_beta1, point.beta2, EPSILON),
        optax.add_decayed_weights(point.weight_decay),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(
    optimizer, warmup_cosine, self_tuning=points.listed(__file__)[-1]
)
data_selection = training_jax.data_selection
