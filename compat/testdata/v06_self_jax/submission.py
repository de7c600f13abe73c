"""Two algorithms by the words in a parameter's path, jitted over shardings, as written for v0.6."""

import functools
from typing import Any, Dict, Iterator, List, Optional, Tuple

import chex
import jax
import jax.numpy as jnp
import optax
from algoperf import jax_sharding_utils, spec

HPARAMS = {'learning_rate': 0.01, 'momentum': 0.9, 'warmup_factor': 0.05}
LABELS = {True: 'plain', False: 'momentum'}


def get_batch_size(workload_name):
    if workload_name == 'finewebedu_lm':
        return 64
    raise ValueError(f'Unsupported workload name: {workload_name}.')


def init_optimizer_state(
    workload: spec.Workload,
    model_params: spec.ParameterContainer,
    model_state: spec.ModelAuxiliaryState,
    hyperparameters: spec.Hyperparameters,
    rng: spec.RandomState,
) -> spec.OptimizerState:
    del model_params, model_state, hyperparameters, rng
    warmup_steps = int(HPARAMS['warmup_factor'] * workload.step_hint)
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, HPARAMS['learning_rate'], warmup_steps, workload.step_hint
    )

    def label(params):
        return jax.tree_util.tree_map_with_path(
            lambda path, p: LABELS['embed' in jax.tree_util.keystr(path).lower()], params
        )

    tx = optax.multi_transform(
        {
            'momentum': optax.sgd(schedule, momentum=HPARAMS['momentum'], nesterov=True),
            'plain': optax.sgd(schedule),
        },
        label,
    )
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape_tuple), workload.param_shapes)
    return tx.init(zeros), tx.update


def train_step(workload, update_fn, model_state, opt_state, params, batch, rng, clip, smoothing, rate):
    def loss_fn(params):
        logits, new_model_state = workload.model_fn(
            params,
            batch,
            model_state,
            spec.ForwardPassMode.TRAIN,
            rng,
            update_batch_norm=True,
            dropout_rate=rate,
        )
        loss_dict = workload.loss_fn(
            label_batch=batch['targets'],
            logits_batch=logits,
            mask_batch=batch.get('weights'),
            label_smoothing=smoothing,
        )
        return loss_dict['summed'], (loss_dict['n_valid_examples'], new_model_state)

    (summed, (n_valid, model_state)), grad = jax.value_and_grad(loss_fn, has_aux=True)(params)
    grad = jax.tree.map(lambda g: jnp.clip(g / n_valid, a_min=-1.0, a_max=1.0), grad)
    updates, opt_state = update_fn(grad, opt_state, params)
    return opt_state, optax.apply_updates(params, updates), model_state, summed / n_valid


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
    train_state: Optional[Dict[str, Any]] = None,
) -> spec.UpdateReturn:
    del current_params_types, loss_type, train_state, eval_results
    assert hyperparameters is None
    opt_state, update_fn = optimizer_state
    replicated = jax_sharding_utils.get_replicate_sharding()
    sharded = jax_sharding_utils.get_batch_dim_sharding()
    jitted = jax.jit(
        train_step,
        static_argnums=(0, 1),
        donate_argnums=(2, 3, 4),
        in_shardings=(replicated, replicated, replicated, sharded) + (replicated,) * 4,
        out_shardings=replicated,
    )
    new_opt_state, params, new_model_state, loss = jitted(
        workload,
        update_fn,
        model_state,
        opt_state,
        current_param_container,
        batch,
        rng,
        None,
        0.1,
        0.05,
    )
    if workload.metrics_logger is not None:
        workload.metrics_logger.append_scalar_metrics({'loss': loss.item()}, global_step)
    return (new_opt_state, update_fn), params, new_model_state


@functools.partial(jax.jit, donate_argnums=(0,))
def averaged(params: chex.ArrayTree) -> chex.ArrayTree:
    return jax.tree.map(lambda x: x * 1.0, params)


def prepare_for_eval(
    workload: spec.Workload,
    current_param_container: spec.ParameterContainer,
    current_params_types: spec.ParameterTypeTree,
    model_state: spec.ModelAuxiliaryState,
    hyperparameters: spec.Hyperparameters,
    loss_type: spec.LossType,
    optimizer_state: spec.OptimizerState,
    eval_results: List[Tuple[int, float]],
    global_step: int,
    rng: spec.RandomState,
) -> spec.UpdateReturn:
    del workload, current_params_types, hyperparameters, loss_type, eval_results, global_step, rng
    return (optimizer_state, averaged(current_param_container), model_state)


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
    return next(input_queue)
