"""Loss functions: per-example losses, and their sum over valid examples."""

from collections.abc import Callable

import jax
from jax import numpy as jnp

from backends.jax.layers import Array, at_least_float32
from spec.workload_pb2 import (
    MEAN_ABSOLUTE_ERROR,
    SIGMOID_CROSS_ENTROPY,
    SOFTMAX_CROSS_ENTROPY,
)


def softmax_cross_entropy(labels: Array, logits: Array, label_smoothing: float | Array) -> Array:
    """Cross-entropy in nats, [...].

    `logits` [..., C]; `labels` are classes int [...] or distributions [..., C]. Smoothing mixes the
    labels with the uniform distribution: (1 - a) label + a / C. It may be a traced number.
    """
    log_p = jax.nn.log_softmax(at_least_float32(logits))
    if labels.ndim == logits.ndim:
        loss = -jnp.sum(labels * log_p, -1)
    else:
        loss = -jnp.take_along_axis(log_p, labels[..., None], -1)[..., 0]
    if isinstance(label_smoothing, int | float) and label_smoothing == 0:
        return loss
    return (1 - label_smoothing) * loss - label_smoothing * jnp.mean(log_p, -1)


def sigmoid_cross_entropy(labels: Array, logits: Array, label_smoothing: float | Array) -> Array:
    """Binary cross-entropy in nats of labels 0 or 1, as many as there are logits.

    One label an example: `logits` [B, 1] -> [B]; smoothing is ignored, as officially. Of T labels
    `logits` [..., T] -> [..., T]; smoothing gives (1 - a) label + a / T, as officially: it divides
    by the number of labels as if they excluded each other.
    """
    if logits.shape[-1] == 1:
        labels, logits = labels.reshape(-1), logits.reshape(-1)
    else:
        labels = (1 - label_smoothing) * labels + label_smoothing / logits.shape[-1]
    return -labels * jax.nn.log_sigmoid(logits) - (1 - labels) * jax.nn.log_sigmoid(-logits)


def mean_absolute_error(labels: Array, logits: Array, label_smoothing: float | Array) -> Array:
    """Mean of |logits - labels| over each example, [B]. Smoothing has no meaning here."""
    return jnp.mean(jnp.abs(logits - labels), tuple(range(1, logits.ndim)))


LOSSES: dict[int, Callable[[Array, Array, float | Array], Array]] = {
    SOFTMAX_CROSS_ENTROPY: softmax_cross_entropy,
    SIGMOID_CROSS_ENTROPY: sigmoid_cross_entropy,
    MEAN_ABSOLUTE_ERROR: mean_absolute_error,
}


def reduced(per_example: Array, mask: Array | None) -> dict[str, Array]:
    """`summed` over valid examples, their number `n_valid_examples` (float32), and `per_example`,
    masked.
    """
    if mask is None:
        n_valid = jnp.asarray(per_example.size, jnp.float32)
    else:
        per_example = per_example * mask
        n_valid = jnp.sum(mask)
    return {
        "summed": jnp.sum(per_example),
        "n_valid_examples": n_valid,
        "per_example": per_example,
    }
