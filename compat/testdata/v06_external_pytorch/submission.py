"""Files that import each other from three roots, as written for v0.6."""

import os

import torch
from algoperf import spec
from algoperf.pytorch_utils import pytorch_setup
from optimizers.grafted import GraftedSGD
from submissions_algorithms.leaderboard.external_tuning.grafted_sgd.optimizers.grafting_types import Grafting

USE_PYTORCH_DDP = pytorch_setup()[0]
WORLD_SIZE = int(os.environ.get('WORLD_SIZE', 1))


def get_batch_size(workload_name):
    raise ValueError(f'Unsupported workload name: {workload_name}.')


def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
    rate = hyperparameters.learning_rate
    return {'optimizer': GraftedSGD(model_params.parameters(), rate, Grafting(beta=0.9))}


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
    optimizer_state['optimizer'].zero_grad(set_to_none=True)
    logits, model_state = workload.model_fn(
        params=current_param_container,
        augmented_and_preprocessed_input_batch=batch,
        model_state=model_state,
        mode=spec.ForwardPassMode.TRAIN,
        rng=rng,
        update_batch_norm=True,
    )
    loss = workload.loss_fn(
        label_batch=batch['targets'], logits_batch=logits, mask_batch=batch.get('weights')
    )
    (loss['summed'] / loss['n_valid_examples']).backward()
    optimizer_state['optimizer'].step()
    return optimizer_state, current_param_container, model_state


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
