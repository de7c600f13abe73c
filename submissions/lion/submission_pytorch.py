"""Lion in PyTorch.

u = sign(b1 m + (1 - b1) g),  m <- b2 m + (1 - b2) g,  p <- p - lr (u + wd p). torch.optim has no
Lion.
"""

import torch

from submissions.common import points, training_pytorch
from submissions.common.schedules import warmup_cosine


class Lion(torch.optim.Optimizer):
    """The update above; the learning rate of a step is its group's `lr`."""

    def __init__(self, params, b1: float, b2: float, weight_decay: float):
        super().__init__(params, {"lr": 0.0, "b1": b1, "b2": b2, "weight_decay": weight_decay})
        for p in training_pytorch.parameters(self):
            self.state[p] = {"count": 0, "momentum": torch.zeros_like(p)}  # optax counts too

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            grads = [p.grad for p in params]
            states = [self.state[p] for p in params]
            for state in states:
                state["count"] += 1
            momenta = [state["momentum"] for state in states]
            updates = torch._foreach_lerp(momenta, grads, 1 - group["b1"])
            torch._foreach_sign_(updates)
            torch._foreach_lerp_(momenta, grads, 1 - group["b2"])
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(params, updates, alpha=-group["lr"])


def optimizer(workload, model, point):
    return Lion(model.parameters(), 1 - point.one_minus_beta1, point.beta2, point.weight_decay)


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(
    optimizer, warmup_cosine, self_tuning=points.listed(__file__)[0]
)
data_selection = training_pytorch.data_selection
