"""An average of the latest weights, several optimizer steps a call, as written for v0.5."""

from collections import deque
from itertools import islice
from typing import Any, Dict, Iterator, List, Tuple

import torch
import torch.distributed.nn as dist_nn
from absl import logging
from algorithmic_efficiency import spec
from algorithmic_efficiency.pytorch_utils import pytorch_setup
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

USE_PYTORCH_DDP = pytorch_setup()[0]


class Average:
    def __init__(self, hyperparameters, workload) -> None:
        self.queue = deque(maxlen=hyperparameters.queue_length)
        self.start = workload.max_allowed_runtime_sec / workload.eval_period_time_sec
        self.kept = None

    def append(self, params):
        self.queue.append([p.detach().cpu() for p in params])


def get_batch_size(workload_name):
    if workload_name == 'mnist':
        return 16
    raise ValueError(f'Unsupported workload name: {workload_name}.')


def init_optimizer_state(
    workload: spec.Workload,
    model_params: spec.ParameterContainer,
    model_state: spec.ModelAuxiliaryState,
    hyperparameters: spec.Hyperparameters,
    rng: spec.RandomState,
) -> spec.OptimizerState:
    del model_state, rng
    optimizer = torch.optim.NAdam(model_params.parameters(), lr=hyperparameters.learning_rate)
    warmup_steps = max(1, int(hyperparameters.warmup_factor * workload.step_hint))
    warmup = LinearLR(optimizer, start_factor=1e-10, end_factor=1.0, total_iters=warmup_steps)
    cosine = CosineAnnealingLR(optimizer, T_max=max(workload.step_hint - warmup_steps, 1))
    scheduler = SequentialLR(optimizer, schedulers=[warmup, cosine], milestones=[warmup_steps])
    return {
        'optimizer': optimizer,
        'scheduler': scheduler,
        'average': Average(hyperparameters, workload),
        'count': 0,
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
) -> spec.UpdateReturn:
    del current_params_types, loss_type, eval_results
    model = current_param_container
    average = optimizer_state['average']
    if average.kept is not None:
        for p, kept in zip(model.parameters(), average.kept):
            p.data = kept.to(p.device)
    for one in islice(batch, 2):
        model.train()
        optimizer_state['optimizer'].zero_grad()
        logits_batch, new_model_state = workload.model_fn(
            params=model,
            augmented_and_preprocessed_input_batch=one,
            model_state=model_state,
            mode=spec.ForwardPassMode.TRAIN,
            rng=rng,
            update_batch_norm=True,
        )
        label_smoothing = (
            hyperparameters.label_smoothing if hasattr(hyperparameters, 'label_smoothing') else 0.0
        )
        loss_dict = workload.loss_fn(
            label_batch=one['targets'],
            logits_batch=logits_batch,
            mask_batch=one.get('weights'),
            label_smoothing=label_smoothing,
        )
        summed_loss, n_valid_examples = loss_dict['summed'], loss_dict['n_valid_examples']
        if USE_PYTORCH_DDP:
            summed_loss = dist_nn.all_reduce(summed_loss)
            n_valid_examples = dist_nn.all_reduce(n_valid_examples)
        loss = summed_loss / n_valid_examples
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer_state['optimizer'].step()
        optimizer_state['scheduler'].step()
        optimizer_state['count'] += 1
        average.append(model.parameters())
    average.kept = [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        for number, p in enumerate(model.parameters()):
            p.data = torch.stack([kept[number] for kept in average.queue]).mean(0).to(p.device)
    if workload.metrics_logger is not None:
        with torch.no_grad():
            norms = [torch.norm(p.grad.detach(), 2) for p in model.parameters() if p.grad is not None]
            grad_norm = torch.norm(torch.stack(norms), 2)
        workload.metrics_logger.append_scalar_metrics(
            {'loss': loss.item(), 'grad_norm': grad_norm.item()}, global_step
        )
    logging.info('%d) loss = %0.3f', global_step, loss.item())
    return optimizer_state, model, new_model_state


def data_selection(
    workload: spec.Workload,
    input_queue: Iterator[Dict[str, Any]],
    optimizer_state: spec.OptimizerState,
    current_param_container: spec.ParameterContainer,
    model_state: spec.ModelAuxiliaryState,
    hyperparameters: spec.Hyperparameters,
    global_step: int,
    rng: spec.RandomState,
) -> Iterator[Dict[str, Any]]:
    return input_queue
