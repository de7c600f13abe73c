"""Loss functions: per-example losses, and their sum over valid examples."""

from collections.abc import Callable
from typing import Any

import jax
from jax import numpy as jnp

from backends.jax.layers import Array, at_least_float32
from spec.workload_pb2 import (
    CTC_LOSS,
    MEAN_ABSOLUTE_ERROR,
    SIGMOID_CROSS_ENTROPY,
    SOFTMAX_CROSS_ENTROPY,
)

INFEASIBLE = 1e5  # CTC loss of a row that has too few frames; near the official one
NEVER = -1e30  # the logarithm of a probability of 0, finite for the sake of gradients


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


def ctc(
    labels: tuple[Array, Array], logits: tuple[Array, Array], label_smoothing: float | Array
) -> Array:
    """-log of the probability of all alignments (Graves et al. 2006, "Connectionist temporal
    classification"), in nats, [B]. Smoothing is ignored, as officially.

    `labels` are tokens [B, N] and paddings [B, N], `logits` are [B, T, C] and paddings [B, T]; both
    are padded at the end, and class 0 is the blank. A row with fewer frames than its labels take
    has the loss INFEASIBLE and no gradient.
    """
    tokens_BN, label_paddings_BN = labels
    logits_BTC, paddings_BT = logits
    tokens_BN = tokens_BN.astype(jnp.int32)
    log_p_BTC = jax.nn.log_softmax(logits_BTC)
    places = jnp.broadcast_to(tokens_BN[:, None], (*log_p_BTC.shape[:2], tokens_BN.shape[1]))
    of_label_TBN = jnp.moveaxis(jnp.take_along_axis(log_p_BTC, places, 2), 1, 0)
    of_blank_TB = log_p_BTC[..., 0].T
    repeated_BN = jnp.pad(tokens_BN[:, 1:] == tokens_BN[:, :-1], ((0, 0), (1, 0)))

    # Log-probabilities of the frames so far: `blank` n means that n labels are through and a blank
    # came last, `label` n that the last frame was label number n. What the likeliest has in hundreds
    # is kept apart (`taken`), because gradients hang on the differences between them.
    def step(state: tuple[Array, Array, Array], frame: tuple[Array, Array, Array]) -> Any:
        blank, label, taken_B1 = state
        of_blank_B, of_label_BN, padding_B = frame
        before = jnp.pad(label[:, :-1], ((0, 0), (1, 0)), constant_values=NEVER)
        entered = jnp.where(repeated_BN, NEVER, before)
        new_label = of_label_BN + jnp.logaddexp(jnp.logaddexp(label, blank[:, :-1]), entered)
        ended = jnp.pad(label, ((0, 0), (1, 0)), constant_values=NEVER)
        new_blank = of_blank_B[:, None] + jnp.logaddexp(blank, ended)
        best_B1 = jnp.maximum(jnp.max(new_blank, 1), jnp.max(new_label, 1))[:, None]
        best_B1 = jax.lax.stop_gradient(best_B1)
        padded = padding_B[:, None] > 0
        return (
            jnp.where(padded, blank, new_blank - best_B1),
            jnp.where(padded, label, new_label - best_B1),
            jnp.where(padded, taken_B1, taken_B1 + best_B1),
        ), None

    start = jnp.full((len(tokens_BN), tokens_BN.shape[1] + 1), NEVER).at[:, 0].set(0.0)
    frames = (of_blank_TB, of_label_TBN, paddings_BT.T)
    first = (start, start[:, 1:], jnp.zeros_like(start[:, :1]))
    (blank, label, taken_B1), _ = jax.lax.scan(step, first, frames)
    lengths_B1 = label_lengths(labels).astype(jnp.int32)[:, None]
    after_blank = jnp.take_along_axis(blank, lengths_B1, 1)[:, 0]
    padded_label = jnp.pad(label, ((0, 0), (1, 0)), constant_values=NEVER)
    after_label = jnp.take_along_axis(padded_label, lengths_B1, 1)[:, 0]
    num_repeated = jnp.sum(repeated_BN * (1 - label_paddings_BN), 1)
    needed = lengths_B1[:, 0] + num_repeated
    feasible = jnp.sum(1 - paddings_BT, 1) >= needed
    log_probability = taken_B1[:, 0] + jnp.logaddexp(after_blank, after_label)
    return jnp.where(feasible, -log_probability, INFEASIBLE)


def label_lengths(labels: tuple[Array, Array]) -> Array:
    """Number of tokens of each example of a speech batch, float32 [B]."""
    return jnp.sum(1 - labels[1], 1)


LOSSES: dict[int, Callable[[Any, Any, float | Array], Array]] = {
    SOFTMAX_CROSS_ENTROPY: softmax_cross_entropy,
    SIGMOID_CROSS_ENTROPY: sigmoid_cross_entropy,
    MEAN_ABSOLUTE_ERROR: mean_absolute_error,
    CTC_LOSS: ctc,
}


def reduced(per_example: Array, mask: Array | None, sizes: Array | None = None) -> dict[str, Array]:
    """`summed` over valid examples, their number `n_valid_examples` (float32), and `per_example`,
    masked.

    `sizes` [B] are what each example counts for in the place of 1, its tokens for instance; then at
    least 1 is counted.
    """
    mask = jnp.ones_like(per_example) if mask is None else mask
    per_example = per_example * mask
    n_valid = jnp.sum(mask) if sizes is None else jnp.maximum(jnp.sum(mask * sizes), 1)
    return {
        "summed": jnp.sum(per_example),
        "n_valid_examples": n_valid,
        "per_example": per_example,
    }
