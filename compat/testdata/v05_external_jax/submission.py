"""Adam under pmap, as submissions were written for v0.5; parameters are classified by their names."""

import functools
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import chex
import jax
import jax.numpy as jnp
import jraph
import numpy as np
import optax
from algorithmic_efficiency import spec
from flax import jax_utils
from jax import lax

from .scales import scales_of


class ScaleState(NamedTuple):
    count: chex.Array
    mean: chex.ArrayTree


def scale_by_momentum(beta: chex.Numeric) -> optax.GradientTransformation:
    def init_fn(params: optax.Params) -> ScaleState:
        return ScaleState(jnp.zeros([], jnp.int32), jax.tree_map(jnp.zeros_like, params))

    def update_fn(updates, state, params=None):
        del params
        mean = jax.tree_map(lambda m, g: beta * m + g, state.mean, updates)
        return mean, ScaleState(state.count + 1, mean)

    return optax.GradientTransformation(init_fn, update_fn)


def get_batch_size(workload_name):
    sizes = {'criteo1tb': 262_144, 'fastmri': 32, 'imagenet_resnet': 1024, 'mnist': 16}
    if workload_name not in sizes:
        raise ValueError(f'Unsupported workload name: {workload_name}.')
    return sizes[workload_name]


def init_optimizer_state(
    workload: spec.Workload,
    model_params: spec.ParameterContainer,
    model_state: spec.ModelAuxiliaryState,
    hyperparameters: spec.Hyperparameters,
    rng: spec.RandomState,
) -> spec.OptimizerState:
    del model_params, model_state, rng
    schedule = optax.cosine_decay_schedule(hyperparameters.learning_rate, workload.step_hint)
    params_zeros_like = jax.tree_map(lambda s: jnp.zeros(s.shape_tuple), workload.param_shapes)
    chain = optax.chain(
        scale_by_momentum(1 - hyperparameters.one_minus_beta1),
        optax.scale_by_learning_rate(schedule),
    )
    scales_of(params_zeros_like)  # raises for a name that it does not know
    return jax_utils.replicate(chain.init(params_zeros_like)), chain.update


@functools.partial(
    jax.pmap,
    axis_name='batch',
    in_axes=(None, None, 0, 0, 0, 0, 0, None, None),
    static_broadcasted_argnums=(0, 1),
    donate_argnums=(2, 3, 4),
)
def pmapped_train_step(
    workload, opt_update_fn, model_state, optimizer_state, params, batch, rng, grad_clip, smoothing
):
    def loss_fn(params):
        logits, new_model_state = workload.model_fn(
            params, batch, model_state, spec.ForwardPassMode.TRAIN, rng, update_batch_norm=True
        )
        loss_dict = workload.loss_fn(
            label_batch=batch['targets'],
            logits_batch=logits,
            mask_batch=batch.get('weights'),
            label_smoothing=smoothing,
        )
        return loss_dict['summed'], (loss_dict['n_valid_examples'], new_model_state)

    grad_fn = jax.value_and_grad(loss_fn, has_aux=True)
    (summed_loss, (n_valid, new_model_state)), grad = grad_fn(params)
    summed_loss, n_valid, grad = lax.psum((summed_loss, n_valid, grad), axis_name='batch')
    grad = jax.tree_map(lambda x: x / n_valid, grad)
    grad_norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree_util.tree_leaves(grad)))
    if grad_clip is not None:
        scale = jax.lax.clamp(min=0.0, x=grad_clip / (grad_norm + 1e-6), max=1.0)
        grad = jax.tree_map(lambda x: x * scale, grad)
    grad = jax.tree_map(lambda g, s: g * s, grad, scales_of(grad))
    updates, new_optimizer_state = opt_update_fn(grad, optimizer_state, params)
    params = optax.apply_updates(params, updates)
    return new_optimizer_state, params, new_model_state, summed_loss / n_valid, grad_norm


def update_params(
    workload: spec.Workload,
    current_param_container: spec.ParameterContainer,
    current_params_types: spec.ParameterTypeTree,
    model_state: spec.ModelAuxiliaryState,
    hyperparameters: spec.Hyperparameters,
    batch: Dict[str, spec.Tensor],
    loss_type: spec.LossType,
    optimizer_state: spec.OptimizerState,
    eval_results: List[Tuple[int, float]],
    global_step: int,
    rng: spec.RandomState,
) -> spec.UpdateReturn:
    del current_params_types, loss_type, eval_results
    optimizer_state, opt_update_fn = optimizer_state
    per_device_rngs = jax.random.split(rng, jax.local_device_count())
    smoothing = getattr(hyperparameters, 'label_smoothing', 0.0)
    grad_clip = hyperparameters.grad_clip if hasattr(hyperparameters, 'grad_clip') else None
    outputs = pmapped_train_step(
        workload,
        opt_update_fn,
        model_state,
        optimizer_state,
        current_param_container,
        batch,
        per_device_rngs,
        grad_clip,
        smoothing,
    )
    new_optimizer_state, new_params, new_model_state, loss, grad_norm = outputs
    if global_step % 100 == 0 and workload.metrics_logger is not None:
        workload.metrics_logger.append_scalar_metrics(
            {'loss': loss[0], 'grad_norm': grad_norm[0]}, global_step
        )
    return (new_optimizer_state, opt_update_fn), new_params, new_model_state


def data_selection(
    workload: spec.Workload,
    input_queue: Iterator[Dict[str, Any]],
    optimizer_state: spec.OptimizerState,
    current_param_container: spec.ParameterContainer,
    model_state: spec.ModelAuxiliaryState,
    hyperparameters: spec.Hyperparameters,
    global_step: int,
    rng: spec.RandomState,
) -> Dict[str, spec.Tensor]:
    del workload, optimizer_state, current_param_container, model_state, hyperparameters
    del global_step, rng
    return next(input_queue)
