"""Adafactor with momentum in PyTorch. README.md has the formulas; torch.optim.Adafactor is another
variant.
"""

import torch

from submissions.common import training_pytorch
from submissions.common.schedules import warmup_cosine

BETA2 = 0.99
EPSILON = 1e-30
CLIPPING = 1.0


class Adafactor(torch.optim.Optimizer):
    """p <- p - lr (m + wd p); t counts from 1. Matrices are [out, in, space...].

    `num_stacked` says how many parameters stand in each tensor; `rows` and `columns` have one for each.
    """

    def __init__(self, params, num_stacked, b1, weight_decay):
        super().__init__(params, {"lr": 0.0, "b1": b1, "weight_decay": weight_decay})
        tensors = training_pytorch.parameters(self)
        self.num_stacked = dict(zip(tensors, num_stacked, strict=True))
        for p in tensors:
            parts = self._parts(p, p.detach())
            self.state[p] = {
                "count": 0,
                "rows": [torch.zeros_like(row_means(part)) for part in parts],
                "columns": [torch.zeros_like(column_means(part)) for part in parts],
                "momentum": torch.zeros_like(p),
            }

    def _parts(self, p, tensor):
        return training_pytorch.unstacked([tensor], [self.num_stacked[p]])

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                state["count"] += 1
                t = state["count"]
                b2 = BETA2 * (1 - BETA2 ** (t - 1)) / (1 - BETA2**t)
                for g, m, rows, columns in zip(
                    self._parts(p, p.grad),
                    self._parts(p, state["momentum"]),
                    state["rows"],
                    state["columns"],
                    strict=True,
                ):
                    square = g * g + EPSILON
                    rows.lerp_(row_means(square), 1 - b2)
                    columns.lerp_(column_means(square), 1 - b2)
                    m.lerp_(normalized(g, rows, columns), 1 - group["b1"])
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(state["momentum"], alpha=-group["lr"])


def row_means(x):
    """[out, space...] for what has an [in] axis; the numbers themselves for a vector."""
    return x.mean(1) if x.ndim > 1 else x


def column_means(x):
    """[in, space...]; nothing for a vector or number."""
    return x.mean(0) if x.ndim > 1 else x.reshape(-1)[:0]


def normalized(g, rows, columns):
    """g over the root of its factored second moment, clipped to root mean square CLIPPING."""
    if g.ndim > 1:
        u = g / torch.sqrt(rows / rows.mean(0))[:, None] / torch.sqrt(columns)[None]
    else:
        u = g / torch.sqrt(rows)
    return u / torch.clamp(torch.sqrt(torch.mean(u * u)) / CLIPPING, min=1.0)


def optimizer(workload, model, point):
    return Adafactor(
        model.parameters(),
        training_pytorch.num_stacked(workload, model),
        1 - point.one_minus_beta1,
        point.weight_decay,
    )


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(optimizer, warmup_cosine)
data_selection = training_pytorch.data_selection
