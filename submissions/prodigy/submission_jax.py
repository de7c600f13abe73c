"""Prodigy in JAX, as optax has it. README.md has the formulas."""

import optax

from submissions.common import points, training_jax
from submissions.prodigy.constants import BETA1, BETA2, EPSILON, FIRST_DISTANCE, schedule


def optimizer(workload, point):
    def prodigy(learning_rate):
        return optax.contrib.prodigy(
            learning_rate,
            betas=(BETA1, BETA2),
            eps=EPSILON,
            estim_lr0=FIRST_DISTANCE,
            weight_decay=point.weight_decay,
        )

    def update(grads, state, params, *, learning_rate):
        return prodigy(learning_rate).update(grads, state, params)

    return optax.GradientTransformationExtraArgs(prodigy(1.0).init, update)


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(
    optimizer, schedule, self_tuning=points.listed(__file__)[0]
)
data_selection = training_jax.data_selection
