"""AdEMAMix in PyTorch. README.md has the formulas; torch.optim has no AdEMAMix."""

import math

import torch

from submissions.common import points, training_pytorch
from submissions.common.schedules import warmup_cosine

EPSILON = 1e-8


def mixing(point, t):
    """a_t."""
    return point.alpha * min(t / point.alpha_warmup, 1.0)


def slow_decay(point, t):
    """b3_t: its half-life grows linearly from that of b1."""
    start, end = (1 / math.log(b) for b in (1 - point.one_minus_beta1, point.beta3))
    progress = min(t / point.beta3_warmup, 1.0)
    return math.exp(1 / ((1 - progress) * start + progress * end))


class AdEMAMix(torch.optim.Optimizer):
    """The learning rate of a step is its group's `lr`; t counts from 1."""

    def __init__(self, params, point):
        super().__init__(params, {"lr": 0.0})
        self.point = point
        for p in training_pytorch.parameters(self):
            self.state[p] = {
                "count": 0,
                "fast": torch.zeros_like(p),
                "slow": torch.zeros_like(p),
                "second": torch.zeros_like(p),
            }

    @torch.no_grad()
    def step(self):
        b1, b2 = 1 - self.point.one_minus_beta1, self.point.beta2
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            states = [self.state[p] for p in params]
            for state in states:
                state["count"] += 1
            t = states[0]["count"]
            grads = [p.grad for p in params]
            fast = [state["fast"] for state in states]
            slow = [state["slow"] for state in states]
            second = [state["second"] for state in states]
            torch._foreach_lerp_(fast, grads, 1 - b1)
            torch._foreach_lerp_(slow, grads, 1 - slow_decay(self.point, t))
            torch._foreach_mul_(second, b2)
            torch._foreach_addcmul_(second, grads, grads, 1 - b2)
            mixed = torch._foreach_div(fast, 1 - b1**t)
            torch._foreach_add_(mixed, slow, alpha=mixing(self.point, t))
            scale = torch._foreach_sqrt(second)
            torch._foreach_div_(scale, math.sqrt(1 - b2**t))
            torch._foreach_add_(scale, EPSILON)
            torch._foreach_mul_(params, 1 - group["lr"] * self.point.weight_decay)
            torch._foreach_addcdiv_(params, mixed, scale, -group["lr"])


def optimizer(workload, model, point):
    return AdEMAMix(model.parameters(), point)


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(
    optimizer, warmup_cosine, self_tuning=points.listed(__file__)[0]
)
data_selection = training_pytorch.data_selection
