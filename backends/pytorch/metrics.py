"""What an evaluation adds up over batches; spec/metrics.py turns the sums into metrics."""

from collections.abc import Callable

import torch
from torch import Tensor

from spec.workload_pb2 import CLASSIFICATION, LANGUAGE_MODEL

Batch = dict[str, Tensor]


def classification(logits: Tensor, batch: Batch, loss: Tensor) -> dict[str, Tensor]:
    """`logits` [B, C], `loss` [B] unweighted; targets int [B]."""
    correct = torch.argmax(logits, -1) == batch["targets"]
    weights = batch["weights"]
    return {
        "accuracy": torch.sum(correct * weights),
        "loss": torch.sum(loss * weights),
        "weight": torch.sum(weights),
    }


def language_model(logits: Tensor, batch: Batch, loss: Tensor) -> dict[str, Tensor]:
    """`loss` [B, T] unweighted, of every token."""
    weights = batch["weights"]
    return {"loss": torch.sum(loss * weights), "weight": torch.sum(weights)}


BATCH_SUMS: dict[int, Callable[[Tensor, Batch, Tensor], dict[str, Tensor]]] = {
    CLASSIFICATION: classification,
    LANGUAGE_MODEL: language_model,
}
