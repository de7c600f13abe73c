"""Muon in JAX. README.md has the formulas."""

from typing import Any, NamedTuple

import optax
from jax import numpy as jnp
from jax import tree

from spec.interface import ParameterType
from submissions.common import points, training_jax
from submissions.common.layouts_jax import in_torch_layout
from submissions.common.nadam_jax import scale_by_nadam
from submissions.common.schedules import warmup_cosine
from submissions.muon.constants import COEFFICIENTS, EPSILON, NUM_ITERATIONS, SMALLEST_NORM


class MuonState(NamedTuple):
    momentum: Any


def scale_by_muon(beta: float) -> optax.GradientTransformation:
    """g -> s O; arrays are [out, in, space...]."""

    def update(grads, state, params=None):
        momentum = tree.map(lambda m, g: beta * m + (1 - beta) * g, state.momentum, grads)
        return tree.map(direction, momentum), MuonState(momentum)

    return optax.GradientTransformation(
        lambda params: MuonState(tree.map(jnp.zeros_like, params)), update
    )


def direction(m):
    """s O of one array."""
    matrix = m.reshape(m.shape[0], -1)
    rows, columns = matrix.shape
    return (max(1, rows / columns) ** 0.5 * orthogonalized(matrix)).reshape(m.shape)


def orthogonalized(x):
    """About U V^T of x = U S V^T: [rows, columns]."""
    wide = x if x.shape[0] <= x.shape[1] else x.T
    wide = wide / (jnp.linalg.norm(wide) + SMALLEST_NORM)
    a, b, c = COEFFICIENTS
    for _ in range(NUM_ITERATIONS):
        square = wide @ wide.T
        wide = a * wide + (b * square + c * square @ square) @ wide
    return wide if x.shape[0] <= x.shape[1] else wide.T


def optimizer(workload, point):
    parts = {
        "muon": optax.chain(
            scale_by_muon(point.muon_beta),
            optax.add_decayed_weights(point.muon_weight_decay),
            optax.scale(point.muon_lr_multiplier),
        ),
        "nadamw": optax.chain(
            scale_by_nadam(point.beta1, point.beta2, EPSILON),
            optax.add_decayed_weights(point.weight_decay),
        ),
    }

    def labels(params):
        return tree.map(
            lambda p, kind: "muon" if p.ndim > 1 and kind != ParameterType.EMBEDDING else "nadamw",
            params,
            workload.model_params_types,
        )

    return optax.chain(
        in_torch_layout(optax.partition(parts, labels), workload),
        training_jax.scale_by_learning_rate(),
    )


get_batch_size = training_jax.get_batch_size
init_optimizer_state, update_params = training_jax.one_gradient_a_step(
    optimizer, warmup_cosine, self_tuning=points.listed(__file__)[0]
)
data_selection = training_jax.data_selection
