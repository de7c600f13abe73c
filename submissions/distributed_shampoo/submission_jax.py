"""Distributed Shampoo in JAX. README.md has the formulas, blocks.py the cutting of tensors."""

from typing import Any, NamedTuple

import jax
import optax
from jax import numpy as jnp

from submissions.common import batch_sizes, training_jax
from submissions.common.inverse_roots_jax import inverse_roots
from submissions.common.layouts_jax import in_torch_layout
from submissions.distributed_shampoo import blocks
from submissions.distributed_shampoo.settings import BATCH_SIZES, schedule


class ShampooState(NamedTuple):
    """`first` and `second` are trees as the parameters, dicts go over sizes of factor matrices."""

    count: jax.Array
    first: Any
    second: Any
    factors: dict[int, jax.Array]
    roots: dict[int, jax.Array]


def scale_by_shampoo(point: Any) -> optax.GradientTransformation:
    """g -> the preconditioned direction with the size of the grafted one; t counts from 1."""
    b1, b2 = 1 - point.one_minus_beta1, 1 - point.one_minus_beta2
    every = point.precondition_frequency

    def planned(tensors):
        shapes = [x.shape for x in tensors]
        return blocks.plan(shapes, point.max_preconditioner_dim, point.inv_root_override)

    def init(params):
        tensors = jax.tree.leaves(params)

        def stacks(matrix):
            return {
                size: jnp.tile(matrix(size, dtype=tensors[0].dtype), (len(roots), 1, 1))
                for size, roots in planned(tensors).roots.items()
            }

        return ShampooState(
            jnp.zeros((), jnp.int32),
            jax.tree.map(jnp.zeros_like, params),
            jax.tree.map(jnp.zeros_like, params),
            stacks(lambda size, dtype: jnp.zeros((size, size), dtype)),
            stacks(jnp.eye),
        )

    def update(grads, state, params=None):
        tensors, tree = jax.tree.flatten(grads)
        plan = planned(tensors)
        t = state.count + 1
        correction1, correction2 = 1 - b1**t, 1 - b2**t
        new_first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.first, grads)
        new_second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.second, grads)
        first, second = jax.tree.leaves(new_first), jax.tree.leaves(new_second)
        ahead = first
        if point.use_nadam:
            ahead = [b1 * m + (1 - b1) * g for m, g in zip(first, tensors, strict=True)]
        filtered = [m / correction1 for m in ahead]
        grafted = filtered
        if point.grafting_type == "ADAM":
            grafted = [
                m / (jnp.sqrt(v / correction2) + point.grafting_epsilon)
                for m, v in zip(filtered, second, strict=True)
            ]
        squares = outer_products(tensors, plan)
        factors = {d: b2 * state.factors[d] + (1 - b2) * squares[d] for d in plan.roots}

        def renewed():
            return {
                d: inverse_roots(factors[d] / correction2, state.roots[d], roots, point.epsilon)
                for d, roots in plan.roots.items()
            }

        roots = jax.lax.cond(t % every == 0, renewed, lambda: state.roots)
        directions = [
            jnp.where(t >= every, preconditioned(m, graft, number, plan, roots), graft)
            for number, (m, graft) in enumerate(zip(filtered, grafted, strict=True))
        ]
        new_state = ShampooState(t, new_first, new_second, factors, roots)
        return jax.tree.unflatten(tree, directions), new_state

    return optax.GradientTransformation(init, update)


def outer_products(tensors, plan):
    """G_(i) G_(i)^T of every axis of every block, in stacks by size."""
    found: dict[int, list[jax.Array]] = {
        size: [] for size in plan.roots
    }  # in the order of the blocks, as their places are
    for block in plan.blocks:
        part = tensors[block.tensor].reshape(plan.merged[block.tensor])[block.slices]
        for axis, (size, _) in enumerate(block.places):
            rows = jnp.moveaxis(part, axis, 0).reshape(size, -1)
            found[size].append(rows @ rows.T)
    return {size: jnp.stack(matrices) for size, matrices in found.items()}


def preconditioned(filtered, grafted, number, plan, roots):
    """Every block of a tensor times its roots, with the norm of the grafted direction."""
    if plan.merged[number] is None:
        return grafted
    filtered, sizes = (x.reshape(plan.merged[number]) for x in (filtered, grafted))
    result = jnp.zeros_like(filtered)
    for block in plan.of_tensor(number):
        part = filtered[block.slices]
        for size, index in block.places:
            # The first axis goes last each time, so that after all of them the order is back.
            part = jnp.tensordot(part, roots[size][index], ((0,), (0,)))
        ratio = jnp.linalg.norm(sizes[block.slices]) / (jnp.linalg.norm(part) + 1e-16)
        result = result.at[block.slices].set(ratio * part)
    return result.reshape(grafted.shape)


class MomentumState(NamedTuple):
    momentum: Any


def averaged_momentum(mu: float) -> optax.GradientTransformation:
    """m <- mu m + (1 - mu) d,  d <- (1 - mu) d + mu m."""

    def update(updates, state, params=None):
        momentum = jax.tree.map(lambda m, d: mu * m + (1 - mu) * d, state.momentum, updates)
        ahead = jax.tree.map(lambda m, d: (1 - mu) * d + mu * m, momentum, updates)
        return ahead, MomentumState(momentum)

    return optax.GradientTransformation(
        lambda params: MomentumState(jax.tree.map(jnp.zeros_like, params)), update
    )


def optimizer(workload, point):
    momentum = averaged_momentum(1 - point.one_minus_momentum)
    return optax.chain(
        in_torch_layout(scale_by_shampoo(point), workload),
        optax.add_decayed_weights(point.weight_decay),
        momentum if point.use_momentum else optax.identity(),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = batch_sizes.batch_size(BATCH_SIZES)
init_optimizer_state, update_params = training_jax.one_gradient_a_step(optimizer, schedule)
data_selection = training_jax.data_selection
