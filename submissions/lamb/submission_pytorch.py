"""LAMB in PyTorch.

u = (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps) + wd p,  p <- p - lr (|p| / |u|) u

with norms of whole parameters; the ratio is 1 where either norm is 0. torch.optim has no LAMB.
"""

import math

import torch

from submissions.common import training_pytorch
from submissions.common.schedules import warmup_cosine

EPSILON = 1e-6


class Lamb(torch.optim.Optimizer):
    """The update above; the learning rate of a step is its group's `lr`.

    `num_stacked` says how many parameters stand in each tensor.
    """

    def __init__(self, params, num_stacked, b1, b2, epsilon, weight_decay):
        defaults = {"lr": 0.0, "b1": b1, "b2": b2, "epsilon": epsilon, "weight_decay": weight_decay}
        super().__init__(params, defaults)
        self.num_stacked = dict(zip(training_pytorch.parameters(self), num_stacked, strict=True))
        for p in training_pytorch.parameters(self):
            self.state[p] = {
                "count": 0,
                "first": torch.zeros_like(p),
                "second": torch.zeros_like(p),
            }

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            states = [self.state[p] for p in params]
            for state in states:
                state["count"] += 1
            t = states[0]["count"]
            grads = [p.grad for p in params]
            first = [state["first"] for state in states]
            second = [state["second"] for state in states]
            torch._foreach_lerp_(first, grads, 1 - group["b1"])
            torch._foreach_mul_(second, group["b2"])
            torch._foreach_addcmul_(second, grads, grads, 1 - group["b2"])
            scale = torch._foreach_sqrt(second)
            torch._foreach_div_(scale, math.sqrt(1 - group["b2"] ** t))
            torch._foreach_add_(scale, group["epsilon"])
            updates = torch._foreach_div(first, scale)
            torch._foreach_div_(updates, 1 - group["b1"] ** t)
            torch._foreach_add_(updates, params, alpha=group["weight_decay"])
            counts = [self.num_stacked[p] for p in params]
            parts = training_pytorch.unstacked(updates, counts)
            ratios = trust_ratios(training_pytorch.unstacked(params, counts), parts)
            torch._foreach_mul_(parts, ratios)
            torch._foreach_add_(params, updates, alpha=-group["lr"])


def trust_ratios(params, updates):
    """|p| / |u| of every pair of tensors, 1 where either is 0."""
    pairs = zip(torch._foreach_norm(params), torch._foreach_norm(updates), strict=True)
    return [torch.where((p == 0) | (u == 0), 1.0, p / u) for p, u in pairs]


def optimizer(workload, model, point):
    return Lamb(
        model.parameters(),
        training_pytorch.num_stacked(workload, model),
        1 - point.one_minus_beta1,
        point.beta2,
        EPSILON,
        point.weight_decay,
    )


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(optimizer, warmup_cosine)
data_selection = training_pytorch.data_selection
