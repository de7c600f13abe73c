"""What an evaluation adds up over batches; spec/metrics.py turns the sums into metrics."""

from collections.abc import Callable
from typing import Any

from jax import numpy as jnp

from backends.jax.layers import Array, mean_pool
from spec.workload_pb2 import (
    CLASSIFICATION,
    CLICK,
    LANGUAGE_MODEL,
    MULTI_LABEL,
    RECONSTRUCTION,
    SPEECH,
    TRANSLATION,
)

Batch = dict[str, Any]


def classification(logits: Array, batch: Batch, loss: Array) -> dict[str, Array]:
    """`logits` [B, C], `loss` [B] unweighted; targets int [B]. Or the same of tokens: [B, T, C] and
    [B, T].
    """
    correct = jnp.argmax(logits, -1) == batch["targets"]
    weights = batch["weights"]
    return {
        "accuracy": jnp.sum(correct * weights),
        "loss": jnp.sum(loss * weights),
        "weight": jnp.sum(weights),
    }


def loss_alone(logits: Array, batch: Batch, loss: Array) -> dict[str, Array]:
    """`loss` [B] or [B, T] unweighted, of every example or token."""
    weights = batch["weights"]
    return {"loss": jnp.sum(loss * weights), "weight": jnp.sum(weights)}


def reconstruction(logits: Array, batch: Batch, loss: Array) -> dict[str, Array]:
    """`logits` and targets [B, H, W], standardised by each example's `mean` and `std` [B]; `loss`
    [B] unweighted.
    """
    weights = batch["weights"]
    images, references = (
        z * batch["std"][:, None, None] + batch["mean"][:, None, None]
        for z in (logits, batch["targets"])
    )
    similarity = ssim(images, references, batch["volume_max"])
    return {
        "ssim": jnp.sum(similarity * weights),
        "loss": jnp.sum(loss * weights),
        "weight": jnp.sum(weights),
    }


def ssim(a_BHW: Array, b_BHW: Array, data_range_B: Array) -> Array:
    """Structural similarity (Wang et al. 2004) of each pair, [B] in [-1, 1].

    Over all 7x7 windows inside the image, with uniform weights and sample covariances. A data range
    of 0, in rows that fill up a batch, counts as 1.
    """
    data_range = jnp.where(data_range_B == 0, 1.0, data_range_B)[:, None, None]
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2

    def windows(x_BHW: Array) -> Array:
        return mean_pool(x_BHW[..., None], window=7, stride=1)[..., 0]

    # Variances come from differences of squares, which lose digits where means are large.
    shift = jnp.mean(b_BHW, (1, 2), keepdims=True)
    a_BHW, b_BHW = a_BHW - shift, b_BHW - shift
    mean_a, mean_b = windows(a_BHW), windows(b_BHW)
    sample = 49 / 48
    var_a = sample * (windows(a_BHW * a_BHW) - mean_a * mean_a)
    var_b = sample * (windows(b_BHW * b_BHW) - mean_b * mean_b)
    covariance = sample * (windows(a_BHW * b_BHW) - mean_a * mean_b)
    mean_a, mean_b = mean_a + shift, mean_b + shift
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    denominator = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return jnp.clip(jnp.mean(numerator / denominator, (1, 2)), -1, 1)


def multi_label(logits: Array, batch: Batch, loss: Array) -> dict[str, Array]:
    """`logits`, targets, weights and unweighted `loss` [..., T]; a weight of 0 marks a label that is
    not known. Ranking needs all of them, so that they are among the results.
    """
    targets, weights = batch["targets"], batch["weights"]
    return {
        "accuracy": jnp.sum(((logits > 0) == (targets > 0)) * weights),
        "loss": jnp.sum(loss * weights),
        "weight": jnp.sum(weights),
        "logits": logits,
        "targets": targets,
        "weights": weights,
    }


def speech(logits: tuple[Array, Array], batch: Batch, loss: Array) -> dict[str, Array]:
    """`logits` [B, T, C] and paddings [B, T], `loss` [B] unweighted; targets (tokens, paddings)
    [B, N]. Beside sums there are tokens, which the host makes words of: `decoded` [B, T] and
    `targets` [B, N], filled up with 0, and `weights` [B].
    """
    tokens, paddings = batch["targets"]
    weights = batch["weights"]
    return {
        "decoded": greedy_ctc(*logits),
        "targets": jnp.where(paddings == 0, tokens, 0),
        "weights": weights,
        "loss": jnp.sum(loss * weights),
        "weight": jnp.sum(jnp.sum(1 - paddings, 1) * weights),
    }


def greedy_ctc(logits_BTC: Array, paddings_BT: Array) -> Array:
    """The likeliest class of every frame, repetitions merged, blanks (0) dropped, moved to the left
    and filled up with 0: int32 [B, T].
    """
    likeliest_BT = jnp.argmax(logits_BTC, -1).astype(jnp.int32)
    best = jnp.where(paddings_BT == 0, likeliest_BT, 0)
    previous = jnp.pad(best[:, :-1], ((0, 0), (1, 0)))
    kept = jnp.where(best == previous, 0, best)
    order = jnp.argsort(kept == 0, 1, stable=True)
    return jnp.take_along_axis(kept, order, 1)


BATCH_SUMS: dict[int, Callable[[Any, Batch, Array], dict[str, Array]]] = {
    CLASSIFICATION: classification,
    LANGUAGE_MODEL: loss_alone,
    CLICK: loss_alone,
    RECONSTRUCTION: reconstruction,
    MULTI_LABEL: multi_label,
    TRANSLATION: classification,
    SPEECH: speech,
}
