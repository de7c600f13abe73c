"""NadamW in JAX.

m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,
u = (b1 m + (1 - b1) g) / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps),  p <- p - lr_t (u + wd p).

optax.nadamw divides the momentum by 1 - b1^(t+1) instead, as Dozat does, which moves 23 % further
in the first step; so the scaling is written out and the rest composed from optax.
"""

import functools
from typing import Any, NamedTuple

import jax
import optax
from jax import numpy as jnp

from spec.interface import ForwardPassMode
from submissions.nadamw.batch_sizes import baseline_batch_size
from submissions.nadamw.self_tuning import chosen

EPSILON = 1e-8

get_batch_size = baseline_batch_size


class NadamState(NamedTuple):
    count: jax.Array
    first: Any
    second: Any


def scale_by_nadam(b1: float, b2: float, epsilon: float) -> optax.GradientTransformation:
    """g -> u of the formula above; t counts from 1."""

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return NadamState(jnp.zeros((), jnp.int32), zeros, jax.tree.map(jnp.copy, zeros))

    def update(grads, state, params=None):
        t = state.count + 1
        first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.first, grads)
        second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.second, grads)
        correction1, correction2 = 1 - b1**t, 1 - b2**t

        def direction(m, v, g):
            ahead = (b1 * m + (1 - b1) * g) / correction1
            return ahead / (jnp.sqrt(v / correction2) + epsilon)

        return jax.tree.map(direction, first, second, grads), NadamState(t, first, second)

    return optax.GradientTransformation(init, update)


def learning_rates(peak: float, warmup_factor: float, num_steps: int) -> optax.Schedule:
    """Linear from 0 to `peak` over the warm-up, then half a cosine to 0 at `num_steps`, and 0 from
    there on.
    """
    warmup_steps = int(warmup_factor * num_steps)
    warmup = optax.linear_schedule(0.0, peak, warmup_steps)
    decay = optax.cosine_decay_schedule(peak, max(num_steps - warmup_steps, 1))
    return optax.join_schedules([warmup, decay], [warmup_steps])


def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
    """Returns (state, update function)."""
    point = chosen(hyperparameters)
    schedule = learning_rates(point.learning_rate, point.warmup_factor, workload.step_hint)
    optimizer = optax.chain(
        scale_by_nadam(1 - point.one_minus_beta1, point.beta2, EPSILON),
        optax.add_decayed_weights(point.weight_decay),
        optax.scale_by_learning_rate(schedule),
    )
    return jax.jit(optimizer.init)(model_params), optimizer.update


@functools.partial(jax.jit, static_argnums=(0, 1, 7, 8), donate_argnums=(2, 3, 4))
def train_step(
    workload, update, params, model_state, state, batch, rng, dropout_rate, label_smoothing
):
    def mean_loss(params):
        logits, new_state = workload.model_fn(
            params,
            batch,
            model_state,
            ForwardPassMode.TRAIN,
            rng,
            update_batch_norm=True,
            dropout_rate=dropout_rate,
        )
        loss = workload.loss_fn(
            batch["targets"], logits, batch.get("weights"), label_smoothing=label_smoothing
        )
        return loss["summed"] / loss["n_valid_examples"], new_state

    (loss, model_state), grads = jax.value_and_grad(mean_loss, has_aux=True)(params)
    updates, state = update(grads, state, params)
    return optax.apply_updates(params, updates), model_state, state, loss, optax.global_norm(grads)


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
    """One step. Logs loss and gradient norm about a thousand times in a run."""
    point = chosen(hyperparameters)
    state, update = optimizer_state
    params, model_state, state, loss, grad_norm = train_step(
        workload,
        update,
        current_param_container,
        model_state,
        state,
        batch,
        rng,
        point.dropout_rate,
        point.label_smoothing,
    )
    if (
        workload.metrics_logger is not None
        and global_step % max(1, workload.step_hint // 1000) == 0
    ):
        workload.metrics_logger.append_scalar_metrics(
            {"loss": loss, "grad_norm": grad_norm}, global_step
        )
    return (state, update), params, model_state


def data_selection(
    workload,
    input_queue,
    optimizer_state,
    current_param_container,
    model_state,
    hyperparameters,
    global_step,
    rng,
):
    return next(input_queue)
