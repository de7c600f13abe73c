"""Loss functions: per-example losses, and their sum over valid examples."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from backends.pytorch.layers import at_least_float32
from spec.workload_pb2 import (
    MEAN_ABSOLUTE_ERROR,
    SIGMOID_CROSS_ENTROPY,
    SOFTMAX_CROSS_ENTROPY,
)


def softmax_cross_entropy(labels: Tensor, logits: Tensor, label_smoothing: float) -> Tensor:
    """Cross-entropy in nats, [...].

    `logits` [..., C]; `labels` are classes int [...] or distributions [..., C]. Smoothing mixes the
    labels with the uniform distribution: (1 - a) label + a / C.
    """
    labels_2d = labels.flatten(0, logits.ndim - 2)
    loss = F.cross_entropy(
        at_least_float32(logits.flatten(0, -2)),
        labels_2d.long() if labels.ndim < logits.ndim else labels_2d,
        reduction="none",
        label_smoothing=label_smoothing,
    )
    return loss.view(logits.shape[:-1])


def sigmoid_cross_entropy(labels: Tensor, logits: Tensor, label_smoothing: float) -> Tensor:
    """Binary cross-entropy in nats of labels 0 or 1, as many as there are logits.

    One label an example: `logits` [B, 1] -> [B]; smoothing is ignored, as officially. Of T labels
    `logits` [..., T] -> [..., T]; smoothing gives (1 - a) label + a / T, as officially: it divides
    by the number of labels as if they excluded each other.
    """
    if logits.shape[-1] == 1:
        labels, logits = labels.view(-1), logits.view(-1)
    else:
        labels = (1 - label_smoothing) * labels + label_smoothing / logits.shape[-1]
    return -labels * F.logsigmoid(logits) - (1 - labels) * F.logsigmoid(-logits)


def mean_absolute_error(labels: Tensor, logits: Tensor, label_smoothing: float) -> Tensor:
    """Mean of |logits - labels| over each example, [B]. Smoothing has no meaning here."""
    return torch.mean(torch.abs(logits - labels), tuple(range(1, logits.ndim)))


LOSSES: dict[int, Callable[[Tensor, Tensor, float], Tensor]] = {
    SOFTMAX_CROSS_ENTROPY: softmax_cross_entropy,
    SIGMOID_CROSS_ENTROPY: sigmoid_cross_entropy,
    MEAN_ABSOLUTE_ERROR: mean_absolute_error,
}


def reduced(per_example: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    """`summed` over valid examples, their number `n_valid_examples` (float32), and `per_example`,
    masked.
    """
    if mask is None:
        n_valid = torch.tensor(float(per_example.numel()), device=per_example.device)
    else:
        per_example = per_example * mask
        n_valid = torch.sum(mask)
    return {
        "summed": torch.sum(per_example),
        "n_valid_examples": n_valid,
        "per_example": per_example,
    }
