"""Schedule-Free Prodigy in PyTorch. README.md has the formulas."""

import math

import torch

from submissions.common import batch_sizes, training_pytorch
from submissions.common.schedule_free import EPSILON
from submissions.common.schedule_free_pytorch import ScheduleFree, averaged, between, functions
from submissions.schedule_free_prodigy.variant import BATCH_SIZES, FIRST_DISTANCE, VARIANT


class Prodigy(ScheduleFree):
    """The learning rate of a step is its group's `lr`; t counts from 1. One group: its parameters
    share the distance d.
    """

    def __init__(self, params, point, variant):
        super().__init__(params, point, variant)
        (group,) = self.param_groups
        like = group["params"][0].detach()
        group["distance"] = like.new_tensor(FIRST_DISTANCE)
        group["numerator"] = like.new_tensor(0.0)
        for p, state in self.state.items():
            state["start"] = p.detach().clone()
            state["sum"] = torch.zeros_like(p)

    @torch.no_grad()
    def step(self):
        (group,) = self.param_groups
        group["count"] += 1
        t, d, b2 = group["count"], group["distance"], group["b2"]
        b3 = math.sqrt(b2)
        rate = d * (group["lr"] * math.sqrt(1 - b2**t))
        weight = t**self.variant.power
        group["weights"] += weight
        params = [p for p in group["params"] if p.grad is not None]
        gains, norms = [], []
        for p in params:
            state, g = self.state[p], p.grad
            gains.append(torch.sum(g * (state["start"] - state["z"])))
            state["sum"].mul_(b3).add_(d * rate * g)
            norms.append(state["sum"].abs().sum())
            self._step(p, group, d, rate, weight / group["weights"])
        group["numerator"] = b3 * group["numerator"] + d * rate * torch.stack(gains).sum()
        group["distance"] = torch.maximum(d, group["numerator"] / torch.stack(norms).sum())

    def _step(self, y, group, d, rate, c):
        b1, b2, g, z = group["b1"], group["b2"], y.grad, self.state[y]["z"]
        second = self.state[y]["second"]
        second.mul_(b2).add_((1 - b2) * (d * g) * (d * g))
        x = averaged(y, z, b1)
        direction = d * g / (torch.sqrt(second) + d * EPSILON)
        z.sub_(rate * (direction + group["weight_decay"] * y))
        y.copy_(between(x + c * (z - x), z, b1))


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params, prepare_for_eval = functions(VARIANT, None, Prodigy)
data_selection = training_pytorch.data_selection
