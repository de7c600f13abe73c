"""Distributed Shampoo in PyTorch. README.md has the formulas, blocks.py the cutting of tensors."""

import torch

from submissions.common import batch_sizes, training_pytorch
from submissions.common.inverse_roots_pytorch import inverse_roots
from submissions.distributed_shampoo import blocks
from submissions.distributed_shampoo.settings import BATCH_SIZES, schedule


class Shampoo(torch.optim.Optimizer):
    """The learning rate of a step is its group's `lr`; t counts from 1.

    `names` are those of the parameters in each tensor. In the state under "shampoo", `first`, `second`
    and `momentum` go over these, the other dicts over sizes of factor matrices.
    """

    def __init__(self, params, names, point):
        super().__init__(params, {"lr": 0.0})
        self.names, self.point = names, point
        tensors = self._parts(training_pytorch.parameters(self))
        self.plan = blocks.plan(
            [tuple(p.shape) for p in tensors.values()],
            point.max_preconditioner_dim,
            point.inv_root_override,
        )
        like = next(iter(tensors.values()))

        def stacks(matrix):
            return {
                size: matrix(size, dtype=like.dtype, device=like.device).repeat(len(roots), 1, 1)
                for size, roots in self.plan.roots.items()
            }

        self.state["shampoo"] = {
            "count": 0,
            "first": zeros(tensors),
            "second": zeros(tensors),
            "momentum": zeros(tensors) if point.use_momentum else {},
            "factors": stacks(lambda size, **how: torch.zeros(size, size, **how)),
            "roots": stacks(torch.eye),
        }

    def _parts(self, tensors):
        return training_pytorch.by_name([x.detach() for x in tensors], self.names)

    @torch.no_grad()
    def step(self):
        point, state = self.point, self.state["shampoo"]
        state["count"] += 1
        t, roots = state["count"], state["roots"]
        first, second, momentum = (
            list(state[name].values()) for name in ("first", "second", "momentum")
        )
        b1, b2 = 1 - point.one_minus_beta1, 1 - point.one_minus_beta2
        correction1, correction2 = 1 - b1**t, 1 - b2**t
        held = training_pytorch.parameters(self)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in held]
        tensors, grads = (list(self._parts(x).values()) for x in (held, grads))
        torch._foreach_lerp_(first, grads, 1 - b1)
        torch._foreach_mul_(second, b2)
        torch._foreach_addcmul_(second, grads, grads, 1 - b2)
        ahead = first
        if point.use_nadam:
            ahead = torch._foreach_lerp(first, grads, 1 - b1)
        filtered = torch._foreach_div(ahead, correction1)
        grafted = filtered
        if point.grafting_type == "ADAM":
            scale = torch._foreach_sqrt(torch._foreach_div(second, correction2))
            torch._foreach_add_(scale, point.grafting_epsilon)
            grafted = torch._foreach_div(filtered, scale)
        add_outer_products(state["factors"], grads, self.plan, b2)
        if t % point.precondition_frequency == 0:
            for d, powers in self.plan.roots.items():
                matrices = state["factors"][d] / correction2
                roots[d] = inverse_roots(matrices, roots[d], powers, point.epsilon)
        directions = grafted
        if t >= point.precondition_frequency:
            directions = [
                preconditioned(m, graft, number, self.plan, roots)
                for number, (m, graft) in enumerate(zip(filtered, grafted, strict=True))
            ]
        directions = torch._foreach_add(directions, tensors, alpha=point.weight_decay)
        if point.use_momentum:
            averaged_momentum_(momentum, directions, 1 - point.one_minus_momentum)
        torch._foreach_add_(tensors, directions, alpha=-self.param_groups[0]["lr"])


def zeros(tensors):
    return {name: torch.zeros_like(x) for name, x in tensors.items()}


def add_outer_products(factors, tensors, plan, b2):
    """L <- b2 L + (1 - b2) G_(i) G_(i)^T for every axis of every block."""
    for stack in factors.values():
        stack.mul_(b2)
    for block in plan.blocks:
        part = tensors[block.tensor].reshape(plan.merged[block.tensor])[block.slices]
        for axis, (size, index) in enumerate(block.places):
            rows = part.movedim(axis, 0).reshape(size, -1)
            factors[size][index].addmm_(rows, rows.T, alpha=1 - b2)


def preconditioned(filtered, grafted, number, plan, roots):
    """Every block of a tensor times its roots, with the norm of the grafted direction."""
    if plan.merged[number] is None:
        return grafted
    filtered, sizes = (x.reshape(plan.merged[number]) for x in (filtered, grafted))
    result = torch.zeros_like(filtered)
    for block in plan.of_tensor(number):
        part = filtered[block.slices]
        for size, index in block.places:
            # The first axis goes last each time, so that after all of them the order is back.
            part = torch.tensordot(part, roots[size][index], ((0,), (0,)))
        ratio = torch.linalg.vector_norm(sizes[block.slices])
        ratio = ratio / (torch.linalg.vector_norm(part) + 1e-16)
        result[block.slices] = ratio * part
    return result.reshape(grafted.shape)


def averaged_momentum_(momentum, directions, mu):
    """m <- mu m + (1 - mu) d,  d <- (1 - mu) d + mu m, in place."""
    torch._foreach_lerp_(momentum, directions, 1 - mu)
    torch._foreach_lerp_(directions, momentum, mu)


def optimizer(workload, model, point):
    return Shampoo(model.parameters(), training_pytorch.names_in_tensors(workload, model), point)


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params = training_pytorch.one_gradient_a_step(optimizer, schedule)
data_selection = training_pytorch.data_selection
