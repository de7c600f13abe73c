"""SGD with heavy-ball momentum in JAX, as optax has it."""

import optax

from submissions.common import training_jax
from submissions.common.schedules import warmup_linear


def optimizer(workload, point):
    return optax.chain(
        optax.add_decayed_weights(point.weight_decay),
        optax.trace(1 - point.one_minus_beta1, nesterov=False),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(optimizer, warmup_linear)
data_selection = training_jax.data_selection
