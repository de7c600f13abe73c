"""SGD with heavy-ball momentum in PyTorch, as torch.optim has it."""

import torch

from submissions.common import training_pytorch
from submissions.common.schedules import warmup_linear


def optimizer(workload, model, point):
    return torch.optim.SGD(
        model.parameters(),
        momentum=1 - point.one_minus_beta1,
        nesterov=False,
        weight_decay=point.weight_decay,
    )


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(optimizer, warmup_linear)
data_selection = training_pytorch.data_selection
