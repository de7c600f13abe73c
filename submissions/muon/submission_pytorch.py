"""Muon in PyTorch. README.md has the formulas."""

import torch

from spec.interface import ParameterType
from submissions.common import points, training_pytorch
from submissions.common.nadam_pytorch import NadamW
from submissions.common.schedules import warmup_cosine
from submissions.muon.constants import COEFFICIENTS, EPSILON, NUM_ITERATIONS, SMALLEST_NORM


class Muon(NadamW):
    """Groups with `num_stacked` are of matrices, [out, in, space...], that many in each tensor; the
    others are NadamW's.
    """

    def first_state(self, group, p):
        if "num_stacked" in group:
            return {"momentum": torch.zeros_like(p)}
        return super().first_state(group, p)

    def step_group(self, group):
        if "num_stacked" not in group:
            super().step_group(group)
            return
        lr = group["lr"] * group["lr_multiplier"]
        for p, num_stacked in zip(group["params"], group["num_stacked"], strict=True):
            if p.grad is not None:
                momentum = self.state[p]["momentum"]
                momentum.lerp_(p.grad, 1 - group["beta"])
                p.mul_(1 - lr * group["weight_decay"])
                p.add_(direction(momentum, num_stacked), alpha=-lr)


def direction(m, num_stacked):
    """s O of one tensor."""
    rows = m.shape[0] // num_stacked
    matrices = m.reshape(num_stacked, rows, -1)
    return (max(1, rows / matrices.shape[-1]) ** 0.5 * orthogonalized(matrices)).view(m.shape)


def orthogonalized(x):
    """About U V^T of x = U S V^T: [number, rows, columns]."""
    wide = x if x.shape[1] <= x.shape[2] else x.mT
    wide = wide / (torch.linalg.matrix_norm(wide, keepdim=True) + SMALLEST_NORM)
    a, b, c = COEFFICIENTS
    for _ in range(NUM_ITERATIONS):
        square = wide @ wide.mT
        wide = a * wide + (b * square + c * square @ square) @ wide
    return wide if x.shape[1] <= x.shape[2] else wide.mT


def optimizer(workload, model, point):
    types = workload.model_params_types
    names = [
        name
        for name, p in model.named_parameters()
        if p.ndim > 1 and types[name] != ParameterType.EMBEDDING
    ]
    others = [p for name, p in model.named_parameters() if name not in names]
    matrices = {
        "params": [model.get_parameter(name) for name in names],
        "num_stacked": [len(workload.parameters_by_tensor[name]) for name in names],
        "beta": point.muon_beta,
        "weight_decay": point.muon_weight_decay,
        "lr_multiplier": point.muon_lr_multiplier,
    }
    return Muon(
        [matrices, {"params": others}], point.beta1, point.beta2, EPSILON, point.weight_decay
    )


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(
    optimizer, warmup_cosine, self_tuning=points.listed(__file__)[0]
)
data_selection = training_pytorch.data_selection
