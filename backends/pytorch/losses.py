"""Loss functions: per-example losses, and their sum over valid examples."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from backends.pytorch.layers import at_least_float32
from spec.workload_pb2 import (
    CTC_LOSS,
    MEAN_ABSOLUTE_ERROR,
    SIGMOID_CROSS_ENTROPY,
    SOFTMAX_CROSS_ENTROPY,
)

INFEASIBLE = 1e5  # CTC loss of a row that has too few frames; near the official one


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


def ctc(
    labels: tuple[Tensor, Tensor], logits: tuple[Tensor, Tensor], label_smoothing: float
) -> Tensor:
    """-log of the probability of all alignments (Graves et al. 2006, "Connectionist temporal
    classification"), in nats, [B]. Smoothing is ignored, as officially.

    `labels` are tokens [B, N] and paddings [B, N], `logits` are [B, T, C] and paddings [B, T]; both
    are padded at the end, and class 0 is the blank. A row with fewer frames than its labels take
    has the loss INFEASIBLE and no gradient.
    """
    tokens_BN, label_paddings_BN = labels
    logits_BTC, paddings_BT = logits
    # In float64: probabilities of hundreds of frames have logarithms in the hundreds, and gradients
    # hang on the differences between them.
    log_p_TBC = F.log_softmax(logits_BTC, -1).transpose(0, 1).double()
    num_frames, lengths = torch.sum(1 - paddings_BT, 1).long(), label_lengths(labels).long()
    tokens = tokens_BN.long()
    # On a GPU the gradient is not deterministic.
    place = "cpu" if torch.are_deterministic_algorithms_enabled() else log_p_TBC.device
    loss = F.ctc_loss(
        log_p_TBC.to(place),
        tokens.to(place),
        num_frames.to(place),
        lengths.to(place),
        reduction="none",
        zero_infinity=True,
    )
    repeated = (tokens[:, 1:] == tokens[:, :-1]) * (1 - label_paddings_BN[:, 1:])
    feasible = num_frames >= lengths + torch.sum(repeated, 1)
    return torch.where(feasible, loss.to(feasible.device).to(logits_BTC.dtype), INFEASIBLE)


def label_lengths(labels: tuple[Tensor, Tensor]) -> Tensor:
    """Number of tokens of each example of a speech batch, float32 [B]."""
    return torch.sum(1 - labels[1], 1)


LOSSES: dict[int, Callable[[Any, Any, float], Tensor]] = {
    SOFTMAX_CROSS_ENTROPY: softmax_cross_entropy,
    SIGMOID_CROSS_ENTROPY: sigmoid_cross_entropy,
    MEAN_ABSOLUTE_ERROR: mean_absolute_error,
    CTC_LOSS: ctc,
}


def reduced(
    per_example: Tensor, mask: Tensor | None, sizes: Tensor | None = None
) -> dict[str, Tensor]:
    """`summed` over valid examples, their number `n_valid_examples` (float32), and `per_example`,
    masked.

    `sizes` [B] are what each example counts for in the place of 1, its tokens for instance; then at
    least 1 is counted.
    """
    mask = torch.ones_like(per_example) if mask is None else mask
    per_example = per_example * mask
    n_valid = torch.sum(mask) if sizes is None else torch.clamp(torch.sum(mask * sizes), min=1)
    return {
        "summed": torch.sum(per_example),
        "n_valid_examples": n_valid,
        "per_example": per_example,
    }
