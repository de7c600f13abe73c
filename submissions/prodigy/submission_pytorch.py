"""Prodigy in PyTorch. README.md has the formulas; torch.optim has no Prodigy."""

import math

import torch

from submissions.common import points, training_pytorch
from submissions.prodigy.constants import BETA1, BETA2, EPSILON, FIRST_DISTANCE, schedule


class Prodigy(torch.optim.Optimizer):
    """The learning rate of a step is its group's `lr`; t counts from 1. One group: its parameters
    share the distance d.
    """

    def __init__(self, params, weight_decay: float):
        super().__init__(params, {"lr": 0.0, "weight_decay": weight_decay, "count": 0})
        (group,) = self.param_groups
        like = group["params"][0]
        group["distance"] = torch.full_like(like, FIRST_DISTANCE).flatten()[0].clone()
        group["numerator"] = torch.zeros_like(group["distance"])
        for p in group["params"]:
            self.state[p] = {
                "start": p.detach().clone(),
                "first": torch.zeros_like(p),
                "second": torch.zeros_like(p),
                "sum": torch.zeros_like(p),
            }

    @torch.no_grad()
    def step(self):
        (group,) = self.param_groups
        group["count"] += 1
        t, d = group["count"], group["distance"]
        b3 = math.sqrt(BETA2)
        rate = d * (group["lr"] * math.sqrt(1 - BETA2**t) / (1 - BETA1**t))
        params = [p for p in group["params"] if p.grad is not None]
        states = [self.state[p] for p in params]
        first = [state["first"] for state in states]
        second = [state["second"] for state in states]
        sums = [state["sum"] for state in states]
        ways = torch._foreach_sub([state["start"] for state in states], params)
        gains = [torch.sum(p.grad * way) for p, way in zip(params, ways, strict=True)]
        grads = torch._foreach_mul([p.grad for p in params], d)
        torch._foreach_lerp_(first, grads, 1 - BETA1)
        torch._foreach_mul_(second, BETA2)
        torch._foreach_addcmul_(second, grads, grads, 1 - BETA2)
        torch._foreach_mul_(sums, b3)
        torch._foreach_add_(sums, torch._foreach_mul(grads, rate / FIRST_DISTANCE))
        gain = torch.stack(gains).sum() * (d / FIRST_DISTANCE * rate)
        group["numerator"] = b3 * group["numerator"] + gain
        norm = torch.stack(torch._foreach_norm(sums, 1)).sum()
        group["distance"] = torch.maximum(d, group["numerator"] / norm)
        scale = torch._foreach_sqrt(second)
        torch._foreach_add_(scale, group["distance"] * EPSILON)
        updates = torch._foreach_div(first, scale)
        torch._foreach_add_(updates, params, alpha=group["weight_decay"])
        torch._foreach_sub_(params, torch._foreach_mul(updates, rate))


def optimizer(workload, model, point):
    return Prodigy(model.parameters(), point.weight_decay)


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(
    optimizer, schedule, self_tuning=points.listed(__file__)[0]
)
data_selection = training_pytorch.data_selection
