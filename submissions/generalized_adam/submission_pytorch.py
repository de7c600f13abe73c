"""Generalized Adam in PyTorch: NadamW, or without its denominator SGD with Nesterov momentum."""

import torch

from submissions.common import training_pytorch
from submissions.common.nadam_pytorch import NadamW
from submissions.common.schedules import warmup_cosine_fractions

EPSILON = 1e-8


class DecoupledNesterov(torch.optim.Optimizer):
    """m <- b1 m + g,  p <- p - lr (g + b1 m + wd p). torch.optim.SGD adds the decay to g.

    The learning rate of a step is its group's `lr`.
    """

    def __init__(self, params, b1: float, weight_decay: float):
        super().__init__(params, {"lr": 0.0, "b1": b1, "weight_decay": weight_decay})
        for p in training_pytorch.parameters(self):
            self.state[p] = {"momentum": torch.zeros_like(p)}

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            grads = [p.grad for p in params]
            momenta = [self.state[p]["momentum"] for p in params]
            torch._foreach_mul_(momenta, group["b1"])
            torch._foreach_add_(momenta, grads)
            ahead = torch._foreach_add(grads, momenta, alpha=group["b1"])
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(params, ahead, alpha=-group["lr"])


def optimizer(workload, model, point):
    params = model.parameters()
    if point.disable_preconditioning:
        return DecoupledNesterov(params, point.beta1, point.weight_decay)
    return NadamW(params, point.beta1, point.beta2, EPSILON, point.weight_decay)


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(
    optimizer, warmup_cosine_fractions
)
data_selection = training_pytorch.data_selection
