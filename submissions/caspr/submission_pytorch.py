"""CASPR-adaptive in PyTorch. README.md has the formulas, blocks.py the cutting into matrices."""

import torch

from submissions.caspr import blocks
from submissions.caspr.settings import EPSILON, schedule
from submissions.common import training_pytorch
from submissions.common.inverse_roots_pytorch import inverse_roots


class Caspr(torch.optim.Optimizer):
    """The learning rate of a step is its group's `lr`; t counts from 1.

    `names` are those of the parameters in each tensor. In the state under "caspr", `first` and `second`
    go over these, the lists over stacks of blocks; `rooted` are the `left` that `left_roots` are of.
    """

    def __init__(self, params, point, names):
        super().__init__(params, {"lr": 0.0})
        self.point, self.names = point, names
        tensors = self._parts(training_pytorch.parameters(self))
        like = next(iter(tensors.values()))
        self.plan = blocks.plan([tuple(x.shape) for x in tensors.values()])

        def stacks(side, matrix):
            how = {"dtype": like.dtype, "device": like.device}
            return [
                matrix(size[side], **how).repeat(len(stack), 1, 1)
                for size, stack in self.plan.stacks.items()
            ]

        def zeros(size, **how):
            return torch.zeros(size, size, **how)

        self.state["caspr"] = {
            "count": 0,
            "first": {name: torch.zeros_like(x) for name, x in tensors.items()},
            "second": {name: torch.zeros_like(x) for name, x in tensors.items()},
            "left": stacks(0, zeros),
            "rooted": stacks(0, torch.eye),
            "right": stacks(1, zeros),
            "left_roots": stacks(0, torch.eye),
            "right_roots": stacks(1, torch.eye),
        }

    def _parts(self, tensors):
        return training_pytorch.by_name([x.detach() for x in tensors], self.names)

    @torch.no_grad()
    def step(self):
        point, state = self.point, self.state["caspr"]
        state["count"] += 1
        t = state["count"]
        b1, b2 = 1 - point.one_minus_beta1, point.beta2
        held = training_pytorch.parameters(self)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in held]
        tensors, grads = (list(self._parts(x).values()) for x in (held, grads))
        first, second = (list(state[name].values()) for name in ("first", "second"))
        torch._foreach_lerp_(first, grads, 1 - b1)
        torch._foreach_mul_(second, b2)
        torch._foreach_addcmul_(second, grads, grads, 1 - b2)
        ahead = torch._foreach_lerp(first, grads, 1 - b1)
        torch._foreach_div_(ahead, 1 - b1**t)
        scale = torch._foreach_sqrt(torch._foreach_div(second, 1 - b2**t))
        torch._foreach_add_(scale, EPSILON)
        directions = torch._foreach_div(ahead, scale)
        self._move_roots(grads, t % point.precondition_frequency == 0)
        if t >= point.start_step:
            moved = [
                p @ m @ q
                for p, m, q in zip(
                    state["left_roots"],
                    gathered(ahead, self.plan),
                    state["right_roots"],
                    strict=True,
                )
            ]
            directions = [
                sized_as(graft, d)
                for graft, d in zip(
                    directions, scattered(moved, directions, self.plan), strict=True
                )
            ]
        lr = self.param_groups[0]["lr"]
        torch._foreach_mul_(tensors, 1 - lr * point.weight_decay)
        torch._foreach_add_(tensors, directions, alpha=-lr)

    def _move_roots(self, grads, is_due):
        point, state, b2 = self.point, self.state["caspr"], self.point.beta2
        for number, g in enumerate(gathered(grads, self.plan)):
            left, right = state["left"][number], state["right"][number]
            size = g.shape[1]
            left.mul_(b2).add_(g @ g.mT, alpha=1 - b2)
            if is_due:
                p = renewed(left, state["left_roots"][number], point)
                right.mul_(trace(p @ state["rooted"][number] @ p) / size)
                state["left_roots"][number] = p
                state["rooted"][number] = left.clone()
            seen = g.mT @ state["left_roots"][number]
            right.mul_(b2).add_(seen @ seen.mT, alpha=(1 - b2) / size)
            if is_due:
                state["right_roots"][number] = renewed(right, state["right_roots"][number], point)


def renewed(matrices, before, point):
    return inverse_roots(matrices, before, [2] * len(matrices), point.matrix_epsilon, relative=True)


def gathered(tensors, plan):
    """The blocks in stacks; matrices are [in x space, out]."""
    return [
        torch.stack([tensors[b.matrix].flatten(1).T[b.slices] for b in stack])
        for stack in plan.stacks.values()
    ]


def scattered(stacks, like, plan):
    """The inverse of `gathered`; what is in no block is taken from `like`."""
    matrices = [shape and x.new_zeros(shape) for shape, x in zip(plan.shapes, like, strict=True)]
    for parts, stack in zip(stacks, plan.stacks.values(), strict=True):
        for part, block in zip(parts, stack, strict=True):
            matrices[block.matrix][block.slices] = part
    return [
        x if matrix is None else matrix.T.reshape(x.shape)
        for matrix, x in zip(matrices, like, strict=True)
    ]


def sized_as(graft, direction):
    """The direction with the norm of `graft`."""
    ratio = torch.linalg.vector_norm(graft) / (torch.linalg.vector_norm(direction) + 1e-16)
    return ratio * direction


def trace(matrices):
    return matrices.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]


def optimizer(workload, model, point):
    return Caspr(model.parameters(), point, training_pytorch.names_in_tensors(workload, model))


get_batch_size = training_pytorch.get_batch_size
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(optimizer, schedule)
data_selection = training_pytorch.data_selection
