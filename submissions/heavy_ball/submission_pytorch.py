"""SGD with heavy-ball momentum in PyTorch, as torch.optim has it."""

import torch

from submissions.common import training_pytorch
from submissions.common.schedules import warmup_linear


def optimizer(workload, model, point):
    sgd = torch.optim.SGD(
        model.parameters(),
        momentum=1 - point.one_minus_beta1,
        nesterov=False,
        weight_decay=point.weight_decay,
    )
    return training_pytorch.with_state(sgd, lambda p: {"momentum_buffer": torch.zeros_like(p)})


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(optimizer, warmup_linear)
data_selection = training_pytorch.data_selection
