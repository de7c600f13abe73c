"""Sharpness-aware minimization around AdamW in PyTorch.

g = gradient at p;  the step is AdamW's with the gradient at p + rho g / |g|, where |g| is the global
norm. Batch statistics move in the first pass only.
"""

import torch

from submissions.adamw.submission_pytorch import optimizer
from submissions.common import training_pytorch
from submissions.common.schedules import warmup_cosine

init_optimizer_state, _ = training_pytorch.one_gradient_a_step(optimizer, warmup_cosine)


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
    model = current_param_container
    loss, model_state = training_pytorch.set_gradients(
        workload, model, model_state, batch, rng, hyperparameters
    )
    training_pytorch.log(workload, global_step, loss, model)
    with torch.no_grad():
        params = [p for p in model.parameters() if p.grad is not None]
        before = [p.clone() for p in params]
        grads = training_pytorch.gradients(model)
        torch._foreach_mul_(grads, hyperparameters.rho / torch.nn.utils.get_total_norm(grads))
        torch._foreach_add_(params, grads)
    training_pytorch.set_gradients(
        workload, model, model_state, batch, rng, hyperparameters, update_batch_norm=False
    )
    with torch.no_grad():
        torch._foreach_copy_(params, before)
    training_pytorch.take_step(
        optimizer_state["optimizer"],
        warmup_cosine(hyperparameters, global_step, workload.step_hint),
    )
    return optimizer_state, model, model_state


get_batch_size = training_pytorch.get_batch_size
data_selection = training_pytorch.data_selection
