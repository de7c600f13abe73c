"""CASPR-adaptive in JAX. README.md has the formulas, blocks.py the cutting into matrices."""

from typing import Any, NamedTuple

import jax
import optax
from jax import numpy as jnp

from submissions.caspr import blocks
from submissions.caspr.settings import EPSILON, schedule
from submissions.common import training_jax
from submissions.common.inverse_roots_jax import inverse_roots
from submissions.common.layouts_jax import in_torch_layout


class CasprState(NamedTuple):
    """`first` and `second` are trees as the parameters, lists go over stacks of blocks."""

    count: jax.Array
    first: Any
    second: Any
    left: list[jax.Array]
    rooted: list[jax.Array]  # the `left` that `left_roots` are of
    right: list[jax.Array]
    left_roots: list[jax.Array]
    right_roots: list[jax.Array]


def scale_by_caspr(point: Any) -> optax.GradientTransformation:
    """g -> the preconditioned direction with the size of NadamW's; t counts from 1."""
    b1, b2 = 1 - point.one_minus_beta1, point.beta2

    def planned(tensors):
        return blocks.plan([x.shape for x in tensors])

    def init(params):
        tensors = jax.tree.leaves(params)

        def stacks(side, matrix):
            return [
                jnp.tile(matrix(size[side], dtype=tensors[0].dtype), (len(stack), 1, 1))
                for size, stack in planned(tensors).stacks.items()
            ]

        def zeros(size, dtype):
            return jnp.zeros((size, size), dtype)

        return CasprState(
            jnp.zeros((), jnp.int32),
            jax.tree.map(jnp.zeros_like, params),
            jax.tree.map(jnp.zeros_like, params),
            left=stacks(0, zeros),
            rooted=stacks(0, jnp.eye),
            right=stacks(1, zeros),
            left_roots=stacks(0, jnp.eye),
            right_roots=stacks(1, jnp.eye),
        )

    def update(grads, state, params=None):
        tensors, tree = jax.tree.flatten(grads)
        plan = planned(tensors)
        t = state.count + 1
        new_first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.first, grads)
        new_second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.second, grads)
        first, second = jax.tree.leaves(new_first), jax.tree.leaves(new_second)
        ahead = [(b1 * m + (1 - b1) * g) / (1 - b1**t) for m, g in zip(first, tensors, strict=True)]
        grafted = [
            m / (jnp.sqrt(v / (1 - b2**t)) + EPSILON) for m, v in zip(ahead, second, strict=True)
        ]
        due = t % point.precondition_frequency == 0

        def renewed(matrices, before):
            def roots():
                return [
                    inverse_roots(a, old, [2] * len(a), point.matrix_epsilon, relative=True)
                    for a, old in zip(matrices, before, strict=True)
                ]

            return jax.lax.cond(due, roots, lambda: before)

        parts = gathered(tensors, plan)
        left = [b2 * old + (1 - b2) * g @ g.mT for old, g in zip(state.left, parts, strict=True)]
        left_roots = renewed(left, state.left_roots)
        right = []
        for old, g, p, rooted in zip(state.right, parts, left_roots, state.rooted, strict=True):
            size = g.shape[1]
            seen = g.mT @ p
            growth = jnp.where(due, trace(p @ rooted @ p) / size, 1.0)
            right.append(b2 * growth * old + (1 - b2) * seen @ seen.mT / size)
        rooted = [jnp.where(due, new, old) for new, old in zip(left, state.rooted, strict=True)]
        right_roots = renewed(right, state.right_roots)

        moved = [
            p @ m @ q
            for p, m, q in zip(left_roots, gathered(ahead, plan), right_roots, strict=True)
        ]
        directions = [
            jnp.where(t >= point.start_step, sized_as(graft, d), graft)
            for graft, d in zip(grafted, scattered(moved, grafted, plan), strict=True)
        ]
        new = CasprState(t, new_first, new_second, left, rooted, right, left_roots, right_roots)
        return jax.tree.unflatten(tree, directions), new

    return optax.GradientTransformation(init, update)


def gathered(tensors, plan):
    """The blocks in stacks; matrices are [in x space, out]."""
    return [
        jnp.stack(
            [tensors[b.matrix].reshape(tensors[b.matrix].shape[0], -1).T[b.slices] for b in stack]
        )
        for stack in plan.stacks.values()
    ]


def scattered(stacks, like, plan):
    """The inverse of `gathered`; what is in no block is taken from `like`."""
    matrices = [
        shape and jnp.zeros(shape, x.dtype) for shape, x in zip(plan.shapes, like, strict=True)
    ]
    for parts, stack in zip(stacks, plan.stacks.values(), strict=True):
        for part, block in zip(parts, stack, strict=True):
            matrices[block.matrix] = matrices[block.matrix].at[block.slices].set(part)
    return [
        x if matrix is None else matrix.T.reshape(x.shape)
        for matrix, x in zip(matrices, like, strict=True)
    ]


def sized_as(graft, direction):
    """The direction with the norm of `graft`."""
    return jnp.linalg.norm(graft) / (jnp.linalg.norm(direction) + 1e-16) * direction


def trace(matrices):
    return jnp.trace(matrices, axis1=1, axis2=2)[:, None, None]


def optimizer(workload, point):
    return optax.chain(
        in_torch_layout(scale_by_caspr(point), workload),
        optax.add_decayed_weights(point.weight_decay),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(optimizer, schedule)
data_selection = training_jax.data_selection
