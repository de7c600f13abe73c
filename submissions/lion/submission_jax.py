"""Lion in JAX, as optax has it."""

import optax

from submissions.common import points, training_jax
from submissions.common.schedules import warmup_cosine


def optimizer(workload, point):
    return optax.chain(
        optax.scale_by_lion(1 - point.one_minus_beta1, point.beta2),
        optax.add_decayed_weights(point.weight_decay),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(
    optimizer, warmup_cosine, self_tuning=points.listed(__file__)[0]
)
data_selection = training_jax.data_selection
