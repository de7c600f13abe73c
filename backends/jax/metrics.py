"""What an evaluation adds up over batches; spec/metrics.py turns the sums into metrics."""

from collections.abc import Callable

from jax import numpy as jnp

from backends.jax.layers import Array
from spec.workload_pb2 import CLASSIFICATION, LANGUAGE_MODEL

Batch = dict[str, Array]


def classification(logits: Array, batch: Batch, loss: Array) -> dict[str, Array]:
    """`logits` [B, C], `loss` [B] unweighted; targets int [B]."""
    correct = jnp.argmax(logits, -1) == batch["targets"]
    weights = batch["weights"]
    return {
        "accuracy": jnp.sum(correct * weights),
        "loss": jnp.sum(loss * weights),
        "weight": jnp.sum(weights),
    }


def language_model(logits: Array, batch: Batch, loss: Array) -> dict[str, Array]:
    """`loss` [B, T] unweighted, of every token."""
    weights = batch["weights"]
    return {"loss": jnp.sum(loss * weights), "weight": jnp.sum(weights)}


BATCH_SUMS: dict[int, Callable[[Array, Batch, Array], dict[str, Array]]] = {
    CLASSIFICATION: classification,
    LANGUAGE_MODEL: language_model,
}
