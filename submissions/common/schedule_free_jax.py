"""Schedule-Free AdamW (Defazio et al. 2024, arXiv 2405.15682) in JAX, in its published variants.

Three sequences: z, the steps; x, their weighted mean, which is evaluated; y between them, where the
gradient is taken. At step t from 1, with learning rate lr_t:

s = lr_t sqrt(1 - b2^t),  v <- b2 v + (1 - b2) g^2,
z <- z - s (g / (sqrt(v) + eps) + wd q),  where q is x or y,
w = t^r lr_t^2,  c = w / (sum of w so far),  x <- (1 - c) x + c z,  y = (1 - b1) z + b1 x.

While training the parameters are y; x is computed from y and z. optax.contrib.schedule_free_adamw
removes v's bias instead, decays by lr_t wd y, and begins its warm-up with a rate of 0.
"""

import functools
from typing import Any, NamedTuple

import jax
import optax
from jax import numpy as jnp

from spec.interface import ForwardPassMode
from submissions.common import training_jax
from submissions.common.schedule_free import EPSILON


class ScheduleFreeState(NamedTuple):
    count: jax.Array
    weights: jax.Array  # sum of w
    z: Any
    second: Any


class Moving(NamedTuple):
    """A submission's optimizer state.

    `at_x` says whether the parameters are x at the moment.
    """

    state: Any
    update: Any
    at_x: bool


def schedule_free(point, variant) -> optax.GradientTransformationExtraArgs:
    """g -> the way from y to the next y."""
    b1, b2 = 1 - point.one_minus_beta1, point.beta2

    def stored(v):
        # Through float32, as PyTorch converts.
        return v.astype(jnp.float32).astype(variant.second_moment) if variant.second_moment else v

    def init(params):
        return ScheduleFreeState(
            jnp.zeros((), jnp.int32),
            jnp.zeros(()),
            jax.tree.map(jnp.copy, params),
            jax.tree.map(lambda p: stored(jnp.zeros_like(p)), params),
        )

    def update(grads, state, params, *, learning_rate):
        t = state.count + 1
        s = learning_rate * jnp.sqrt(1 - b2**t)
        weight = t**variant.power * learning_rate**2
        weights = state.weights + weight

        def moved(v, g):
            return stored(b2 * v.astype(g.dtype) + (1 - b2) * g * g)

        def stepped(y, z, v, g):
            q = y if variant.decay_at == "y" else averaged(y, z, b1)
            direction = g / (jnp.sqrt(v.astype(g.dtype)) + EPSILON)
            return z - s * (direction + point.weight_decay * q)

        def moved_y(y, z, new_z):
            x = averaged(y, z, b1)
            return between(x + weight / weights * (new_z - x), new_z, b1) - y

        second = jax.tree.map(moved, state.second, grads)
        z = jax.tree.map(stepped, params, state.z, second, grads)
        updates = jax.tree.map(moved_y, params, state.z, z)
        return updates, ScheduleFreeState(t, weights, z, second)

    return optax.GradientTransformationExtraArgs(init, update)


def averaged(y, z, b1):
    """x from y and z."""
    return (y - (1 - b1) * z) / b1


def between(x, z, b1):
    """y from x and z."""
    return (1 - b1) * z + b1 * x


@functools.partial(jax.jit, static_argnums=0)
def mapped(function, params, z, b1):
    return jax.tree.map(lambda p, z: function(p, z, b1), params, z)


@functools.partial(jax.jit, static_argnums=(0, 5))
def statistics(workload, params, model_state, batch, rng, dropout_rate):
    """The model state after a forward pass in training mode."""
    return workload.model_fn(
        params,
        batch,
        model_state,
        ForwardPassMode.TRAIN,
        rng,
        update_batch_norm=True,
        dropout_rate=dropout_rate,
    )[1]


def functions(variant, self_tuning, optimizer=schedule_free):
    """Returns (init_optimizer_state, update_params, prepare_for_eval) of a submission.

    The optimizer state is a Moving.

    Args:
      variant: of Schedule-Free.
      self_tuning: the point where the benchmark gives none.
      optimizer: (point, variant) -> transformation from gradients to the way of y, with z in its
        state.
    """

    def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
        transformation = optimizer(hyperparameters or self_tuning, variant)
        return Moving(jax.jit(transformation.init)(model_params), transformation.update, at_x=False)

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
        point = hyperparameters or self_tuning
        b1 = 1 - point.one_minus_beta1
        state, update, at_x = optimizer_state
        params = current_param_container
        if at_x:
            params = mapped(between, params, state.z, b1)
        regularization = training_jax.regularization(point)
        due = variant.statistics_at_x
        if model_state and due is not None and due(global_step):
            x = mapped(averaged, params, state.z, b1)
            model_state = statistics(workload, x, model_state, batch, rng, regularization[0])
        params, model_state, state, loss, grad_norm = training_jax.train_step(
            workload,
            update,
            params,
            model_state,
            state,
            batch,
            rng,
            variant.schedule(point, global_step, workload.step_hint),
            regularization,
            due is None,
        )
        training_jax.log(workload, global_step, loss, grad_norm)
        return Moving(state, update, at_x=False), params, model_state

    def prepare_for_eval(
        workload,
        current_param_container,
        current_params_types,
        model_state,
        hyperparameters,
        loss_type,
        optimizer_state,
        eval_results,
        global_step,
        rng,
    ):
        """The parameters become x."""
        point = hyperparameters or self_tuning
        state, update, at_x = optimizer_state
        params = current_param_container
        if not at_x:
            params = mapped(averaged, params, state.z, 1 - point.one_minus_beta1)
        return Moving(state, update, at_x=True), params, model_state

    return init_optimizer_state, update_params, prepare_for_eval
