"""NadamW in PyTorch.

m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,
u = (b1 m + (1 - b1) g) / (1 - b1^t) / ((v / (1 - b2^t))^(1/power) + eps),  t from 1,
p <- p - lr (u + wd p).

torch.optim.NAdam follows Dozat's momentum schedule, which gives the gradient about half the weight;
so the update is written out, with PyTorch's fused operations over lists of tensors.
"""

import torch


class NadamW(torch.optim.Optimizer):
    """The update above; the learning rate of a step is its group's `lr`."""

    def __init__(
        self,
        params,
        b1: float,
        b2: float,
        epsilon: float,
        weight_decay: float,
        power: float = 2.0,
    ):
        defaults = {
            "lr": 0.0,
            "b1": b1,
            "b2": b2,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
            "power": power,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = self.first_state(group, p)

    def first_state(self, group, p):
        return {
            "count": 0,
            "first": torch.zeros_like(p, memory_format=torch.preserve_format),
            "second": torch.zeros_like(p, memory_format=torch.preserve_format),
        }

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            self.step_group(group)

    def step_group(self, group):
        params = [p for p in group["params"] if p.grad is not None]
        states = [self.state[p] for p in params]
        for state in states:
            state["count"] += 1
        t = states[0]["count"]
        grads = [p.grad for p in params]
        first = [state["first"] for state in states]
        second = [state["second"] for state in states]
        b1, b2, power = group["b1"], group["b2"], group["power"]
        torch._foreach_lerp_(first, grads, 1 - b1)
        torch._foreach_mul_(second, b2)
        torch._foreach_addcmul_(second, grads, grads, 1 - b2)
        ahead = torch._foreach_lerp(first, grads, 1 - b1)
        if power == 2:
            scale = torch._foreach_sqrt(second)
        else:
            scale = torch._foreach_pow(second, 1 / power)
        torch._foreach_div_(scale, (1 - b2**t) ** (1 / power))
        torch._foreach_add_(scale, group["epsilon"])
        torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_addcdiv_(params, ahead, scale, -group["lr"] / (1 - b1**t))
