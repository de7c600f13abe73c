"""Amos in JAX. README.md has the formulas."""

from typing import Any, NamedTuple

import jax
import optax
from jax import numpy as jnp

from spec import parameters
from submissions.amos import scales
from submissions.common import training_jax


class AmosState(NamedTuple):
    """`squares` and `decay` hold one number a group, nu and b."""

    count: jax.Array
    first: Any
    second: Any  # of style "adam", otherwise empty
    squares: Any
    decay: Any


def amos(workload, point) -> optax.GradientTransformationExtraArgs:
    """g -> the way of p; t counts from 1."""
    b1, b2, l2 = point.beta1, point.beta2, point.l2
    is_adam = point.style == "adam"
    scale = parameters.unflatten({p.name: scales.scale(p, point.eta) for p in workload.parameters})
    peak = scales.peak(max(s.group_size for s in jax.tree.leaves(scale)))

    def init(params):
        one_a_group = jax.tree.map(lambda p, s: jnp.zeros_like(mean(p, s)), params, scale)
        return AmosState(
            jnp.zeros((), jnp.int32),
            jax.tree.map(jnp.zeros_like, params),
            jax.tree.map(jnp.zeros_like, params) if is_adam else {},
            one_a_group,
            jax.tree.map(jnp.copy, one_a_group),
        )

    def update(grads, state, params, *, learning_rate):
        t = state.count + 1
        xi = peak * learning_rate
        correction1, correction2 = 1 - b1**t, 1 - b2**t

        def averaged(nu, g, s):
            return b2 * nu + (1 - b2) * (mean(g * g, s) + scales.EPSILON)

        def clipped(g, nu, s):
            square = mean(g * g, s) + scales.EPSILON
            return g * jnp.minimum(1.0, jnp.sqrt(nu / correction2 / square))

        def divided(x, v):
            return x / jnp.sqrt(v / correction2)

        def moved(p, m, b, ratio, v, s):
            decay = -(xi**2) / (2 * bound(b, ratio)) * (l2_share(b, s) * ratio + l2)
            step = s.eta * xi * divided(m / correction1, v)
            return (decay * p - step) / (1 + s.eta * jnp.sqrt(1 + b) * slowing(b, s))

        def decayed(b, ratio, s):
            return b + xi**2 / bound(b, ratio) * (ratio / s.group_size**0.5 + b)

        def bound(b, ratio):
            return jnp.maximum(ratio, jnp.sqrt(1 + b)) if is_adam else jnp.sqrt(1 + b)

        def l2_share(b, s):
            return scales.l2_of_size(l2, s) / (1 + l2 * b * b)

        def slowing(b, s):
            spread = 2 * jnp.sqrt(1 + b)
            size = (spread / (1 + jnp.sqrt(1 + spread / (2 + s.tau)))) ** 2 - 1
            return size * (1 + l2 * b * size) / (1 + l2 / l2_share(b, s))

        squares = jax.tree.map(averaged, state.squares, grads, scale)
        grads = jax.tree.map(clipped, grads, squares, scale)
        first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.first, grads)
        second = state.second
        if is_adam:
            second = jax.tree.map(
                lambda v, g: b2 * v + (1 - b2) * (g * g + scales.EPSILON), second, grads
            )
        v = second if is_adam else squares
        ratio = jax.tree.map(lambda g, v, s: mean(divided(g, v) ** 2, s), grads, v, scale)
        updates = jax.tree.map(moved, params, first, state.decay, ratio, v, scale)
        decay = jax.tree.map(decayed, state.decay, ratio, scale)
        return updates, AmosState(t, first, second, squares, decay)

    return optax.GradientTransformationExtraArgs(init, update)


def mean(x, scale):
    """One number a group; its axes have length 1."""
    return x.mean(scale.axes, keepdims=True)


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(amos, scales.schedule)
data_selection = training_jax.data_selection
