"""AdamW in PyTorch, as torch.optim has it."""

import torch

from submissions.common import training_pytorch
from submissions.common.schedules import warmup_cosine

EPSILON = 1e-8


def optimizer(workload, model, point):
    return torch.optim.AdamW(
        model.parameters(),
        betas=(1 - point.one_minus_beta1, point.beta2),
        eps=EPSILON,
        weight_decay=point.weight_decay,
    )


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(optimizer, warmup_cosine)
data_selection = training_pytorch.data_selection
