"""Two optimizers by the words in a parameter's name; stops by itself. As written for v0.6."""

import collections
from typing import Any, Dict, Iterator, List, Optional, Tuple

import torch
import torch.distributed.nn as dist_nn
from algoperf import spec
from algoperf.pytorch_utils import pytorch_setup
from submissions.self_tuning.rotation_elsewhere.rotation import Rotation

USE_PYTORCH_DDP = pytorch_setup()[0]
Constants = collections.namedtuple('Constants', 'learning_rate dropout_rate')
HPARAMS = Constants(learning_rate=0.01, dropout_rate=0.1)


def get_batch_size(workload_name):
    raise ValueError(f'Unsupported workload name: {workload_name}.')


def init_optimizer_state(
    workload: spec.Workload,
    model_params: spec.ParameterContainer,
    model_state: spec.ModelAuxiliaryState,
    hyperparameters: spec.Hyperparameters,
    rng: spec.RandomState,
) -> spec.OptimizerState:
    del workload, model_state, hyperparameters, rng
    named = list(model_params.named_parameters())
    words = ('embedding', 'embed_tokens')
    others = [p for name, p in named if any(w in name for w in words) or p.ndim < 2]
    matrices = [p for name, p in named if not any(w in name for w in words) and p.ndim >= 2]
    return {
        'rotation': Rotation(matrices, lr=HPARAMS.learning_rate),
        'adam': torch.optim.AdamW(others, lr=HPARAMS.learning_rate, fused=False),
    }


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
    del current_params_types, loss_type, train_state
    assert hyperparameters is None
    if global_step == 4:
        metric = f'validation/{workload.target_metric_name}'
        best = max(result[1][metric] for result in eval_results)
        raise spec.TrainingCompleteError(f'{metric} is {best}')
    model = current_param_container
    model.train()
    for name in ('rotation', 'adam'):
        optimizer_state[name].zero_grad()
    logits_batch, new_model_state = workload.model_fn(
        params=model,
        augmented_and_preprocessed_input_batch=batch,
        model_state=model_state,
        mode=spec.ForwardPassMode.TRAIN,
        rng=rng,
        update_batch_norm=global_step % 3 == 0,
        dropout_rate=HPARAMS.dropout_rate,
    )
    loss_dict = workload.loss_fn(
        label_batch=batch['targets'],
        logits_batch=logits_batch,
        mask_batch=batch.get('weights'),
        label_smoothing=0.0,
    )
    summed_loss, n_valid_examples = loss_dict['summed'], loss_dict['n_valid_examples']
    if USE_PYTORCH_DDP:
        summed_loss = dist_nn.all_reduce(summed_loss)
        n_valid_examples = dist_nn.all_reduce(n_valid_examples)
    (summed_loss / n_valid_examples).backward()
    for name in ('rotation', 'adam'):
        optimizer_state[name].step()
    return (optimizer_state, current_param_container, new_model_state)


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
    return (optimizer_state, current_param_container, model_state)


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
