"""Amos in PyTorch. README.md has the formulas."""

import torch

from submissions.amos import scales
from submissions.common import training_pytorch


class Amos(torch.optim.Optimizer):
    """The learning rate of a step is its group's `lr`, of which xi is `peak` times; t counts from 1.

    `squares` and `decay` hold one number a group, nu and b.
    """

    def __init__(self, params, point, tensor_scales, num_groups):
        super().__init__(params, {"lr": 0.0})
        self.point, self.scales, self.num_groups = point, tensor_scales, num_groups
        self.peak = scales.peak(max(s.group_size for s in tensor_scales))
        for p, number in zip(training_pytorch.parameters(self), num_groups, strict=True):
            one_a_group = torch.zeros_like(mean(grouped(p.detach(), number), number))
            self.state[p] = {
                "count": 0,
                "first": torch.zeros_like(p),
                "squares": one_a_group,
                "decay": one_a_group.clone(),
            }
            if point.style == "adam":
                self.state[p]["second"] = torch.zeros_like(p)

    @torch.no_grad()
    def step(self):
        (group,) = self.param_groups
        tensors = zip(group["params"], self.scales, self.num_groups, strict=True)
        for p, scale, number in tensors:
            if p.grad is not None:
                self._step(p, scale, number, self.peak * group["lr"])

    def _step(self, p, scale, number, xi):
        b1, b2, l2, state = self.point.beta1, self.point.beta2, self.point.l2, self.state[p]
        state["count"] += 1
        correction1, correction2 = 1 - b1 ** state["count"], 1 - b2 ** state["count"]
        is_adam = self.point.style == "adam"
        b, g, p = state["decay"], grouped(p.grad, number), grouped(p, number)

        square = mean(g * g, number) + scales.EPSILON
        state["squares"].lerp_(square, 1 - b2)
        g = g * torch.clamp(torch.sqrt(state["squares"] / correction2 / square), max=1.0)
        first = grouped(state["first"], number).lerp_(g, 1 - b1)
        v = state["squares"]
        if is_adam:
            v = grouped(state["second"], number).lerp_(g * g + scales.EPSILON, 1 - b2)
        root = torch.sqrt(v / correction2)
        ratio = mean((g / root) ** 2, number)

        bound = torch.sqrt(1 + b)
        if is_adam:
            bound = torch.maximum(ratio, bound)
        l2_share = scales.l2_of_size(l2, scale) / (1 + l2 * b * b)
        spread = 2 * torch.sqrt(1 + b)
        size = (spread / (1 + torch.sqrt(1 + spread / (2 + scale.tau)))) ** 2 - 1
        slowing = size * (1 + l2 * b * size) / (1 + l2 / l2_share)
        decay = -(xi**2) / (2 * bound) * (l2_share * ratio + l2)
        step = scale.eta * xi * (first / correction1 / root)
        p.add_((decay * p - step) / (1 + scale.eta * torch.sqrt(1 + b) * slowing))
        b.add_(xi**2 / bound * (ratio / scale.group_size**0.5 + b))


def grouped(x, number):
    """A view as [groups, entries]; of one group the tensor itself, whatever its memory format."""
    return x if number == 1 else x.view(number, -1)


def mean(x, number):
    """One number a group: [groups, 1], or of one group []."""
    return x.mean() if number == 1 else x.mean(1, keepdim=True)


def optimizer(workload, model, point):
    stacked = [workload.parameters_by_tensor[name] for name, _ in model.named_parameters()]
    tensor_scales = [scales.scale(parts[0], point.eta) for parts in stacked]
    num_groups = [
        len(parts) * scale.num_groups for parts, scale in zip(stacked, tensor_scales, strict=True)
    ]
    return Amos(model.parameters(), point, tensor_scales, num_groups)


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(
    optimizer, scales.schedule
)
data_selection = training_pytorch.data_selection
