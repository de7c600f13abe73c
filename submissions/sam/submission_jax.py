"""Sharpness-aware minimization around AdamW in JAX.

g = gradient at p;  the step is AdamW's with the gradient at p + rho g / |g|, where |g| is the global
norm. Batch statistics move in the first pass only.
"""

import functools

import jax
import optax

from submissions.adamw.submission_jax import optimizer
from submissions.common import training_jax
from submissions.common.schedules import warmup_cosine

init_optimizer_state, _ = training_jax.one_gradient_a_step(optimizer, warmup_cosine)


@functools.partial(jax.jit, static_argnums=(0, 1, 8, 9), donate_argnums=(2, 3, 4))
def train_step(
    workload, update, params, model_state, state, batch, rng, learning_rate, regularization, rho
):
    """Returns (params, model_state, state, loss, norm of the gradient at p)."""
    loss, model_state, grads = training_jax.loss_and_gradients(
        workload, params, model_state, batch, rng, regularization
    )
    norm = optax.tree.norm(grads)
    uphill = jax.tree.map(lambda p, g: p + rho / norm * g, params, grads)
    _, _, grads = training_jax.loss_and_gradients(
        workload, uphill, model_state, batch, rng, regularization, update_batch_norm=False
    )
    updates, state = update(grads, state, params, learning_rate=learning_rate)
    return optax.apply_updates(params, updates), model_state, state, loss, norm


def update_params(
    workload,
    current_param_container,
    current_params_types,
    model_state,
    hyperparameters,
    batch,
    loss_type,
    optimizer_state,
    eval_results,
    global_step,
    rng,
):
    state, update = optimizer_state
    params, model_state, state, loss, grad_norm = train_step(
        workload,
        update,
        current_param_container,
        model_state,
        state,
        batch,
        rng,
        warmup_cosine(hyperparameters, global_step, workload.step_hint),
        training_jax.regularization(hyperparameters),
        hyperparameters.rho,
    )
    training_jax.log(workload, global_step, loss, grad_norm)
    return (state, update), params, model_state


get_batch_size = training_jax.get_batch_size
data_selection = training_jax.data_selection
