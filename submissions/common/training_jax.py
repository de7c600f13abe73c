"""The part of a training step that is the same for most algorithms, in JAX.

Of a point this reads, where it has them: `dropout_rate` (otherwise the workload's own),
`label_smoothing` (0) and `grad_clip` (none), the largest global norm of a gradient.
"""

import functools

import jax
import optax

from spec.interface import ForwardPassMode
from submissions.common.batch_sizes import batch_size

get_batch_size = batch_size()


def one_gradient_a_step(optimizer, schedule, self_tuning=None):
    """Returns (init_optimizer_state, update_params) of an algorithm that takes one gradient a step.

    The optimizer state is (state, update function).

    Args:
      optimizer: (workload, point) -> transformation; its update is given `learning_rate`.
      schedule: (point, step, num_steps) -> learning rate.
      self_tuning: the point where the benchmark gives none.
    """

    def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
        transformation = optax.with_extra_args_support(
            optimizer(workload, hyperparameters or self_tuning)
        )
        return jax.jit(transformation.init)(model_params), transformation.update

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
        point = hyperparameters or self_tuning
        state, update = optimizer_state
        params, model_state, state, loss, grad_norm = train_step(
            workload,
            update,
            current_param_container,
            model_state,
            state,
            batch,
            rng,
            schedule(point, global_step, workload.step_hint),
            regularization(point),
        )
        log(workload, global_step, loss, grad_norm)
        return (state, update), params, model_state

    return init_optimizer_state, update_params


def regularization(point):
    """(dropout rate, label smoothing, largest gradient norm) of a point, for `train_step`."""
    return (
        getattr(point, "dropout_rate", None),
        getattr(point, "label_smoothing", 0.0),
        getattr(point, "grad_clip", None),
    )


@functools.partial(jax.jit, static_argnums=(0, 1, 8, 9), donate_argnums=(2, 3, 4))
def train_step(
    workload,
    update,
    params,
    model_state,
    state,
    batch,
    rng,
    learning_rate,
    regularization,
    update_batch_norm=True,
):
    """Returns (params, model_state, state, loss, gradient norm before clipping)."""
    loss, model_state, grads = loss_and_gradients(
        workload, params, model_state, batch, rng, regularization, update_batch_norm
    )
    grad_norm = optax.tree.norm(grads)
    grads = clipped(grads, grad_norm, regularization[2])
    updates, state = update(grads, state, params, learning_rate=learning_rate)
    return optax.apply_updates(params, updates), model_state, state, loss, grad_norm


def loss_and_gradients(
    workload, params, model_state, batch, rng, regularization, update_batch_norm=True
):
    """Mean loss over the global batch, the new model state, and the gradients."""
    dropout_rate, label_smoothing, _ = regularization

    def mean_loss(params):
        logits, new_state = workload.model_fn(
            params,
            batch,
            model_state,
            ForwardPassMode.TRAIN,
            rng,
            update_batch_norm=update_batch_norm,
            dropout_rate=dropout_rate,
        )
        loss = workload.loss_fn(
            batch["targets"], logits, batch.get("weights"), label_smoothing=label_smoothing
        )
        return loss["summed"] / loss["n_valid_examples"], new_state

    (loss, model_state), grads = jax.value_and_grad(mean_loss, has_aux=True)(params)
    return loss, model_state, grads


def clipped(grads, norm, largest):
    """The gradients, scaled down to the largest norm where theirs is larger; None clips nothing."""
    if largest is None:
        return grads
    scale = jax.numpy.minimum(1.0, largest / norm)
    return jax.tree.map(lambda g: g * scale, grads)


def scale_by_learning_rate():
    """u -> -learning_rate u, with the learning rate that the update is given."""

    def update(updates, state, params=None, *, learning_rate, **others):
        return jax.tree.map(lambda u: -learning_rate * u, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def log(workload, global_step, loss, grad_norm):
    """Logs about a thousand times in a run, where something listens."""
    every = max(1, workload.step_hint // 1000)
    if workload.metrics_logger is not None and global_step % every == 0:
        workload.metrics_logger.append_scalar_metrics(
            {"loss": loss, "grad_norm": grad_norm}, global_step
        )


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
