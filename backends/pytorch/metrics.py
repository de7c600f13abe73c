"""What an evaluation adds up over batches; spec/metrics.py turns the sums into metrics."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from backends.pytorch.layers import mean_pool
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


def classification(logits: Tensor, batch: Batch, loss: Tensor) -> dict[str, Tensor]:
    """`logits` [B, C], `loss` [B] unweighted; targets int [B]. Or the same of tokens: [B, T, C] and
    [B, T].
    """
    correct = torch.argmax(logits, -1) == batch["targets"]
    weights = batch["weights"]
    return {
        "accuracy": torch.sum(correct * weights),
        "loss": torch.sum(loss * weights),
        "weight": torch.sum(weights),
    }


def loss_alone(logits: Tensor, batch: Batch, loss: Tensor) -> dict[str, Tensor]:
    """`loss` [B] or [B, T] unweighted, of every example or token."""
    weights = batch["weights"]
    return {"loss": torch.sum(loss * weights), "weight": torch.sum(weights)}


def reconstruction(logits: Tensor, batch: Batch, loss: Tensor) -> dict[str, Tensor]:
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
        "ssim": torch.sum(similarity * weights),
        "loss": torch.sum(loss * weights),
        "weight": torch.sum(weights),
    }


def ssim(a_BHW: Tensor, b_BHW: Tensor, data_range_B: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004) of each pair, [B] in [-1, 1].

    Over all 7x7 windows inside the image, with uniform weights and sample covariances. A data range
    of 0, in rows that fill up a batch, counts as 1.
    """
    data_range = torch.where(data_range_B == 0, 1.0, data_range_B)[:, None, None]
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2

    def windows(x_BHW: Tensor) -> Tensor:
        return mean_pool(x_BHW[:, None], window=7, stride=1)[:, 0]

    # Variances come from differences of squares, which lose digits where means are large.
    shift = torch.mean(b_BHW, (1, 2), keepdim=True)
    a_BHW, b_BHW = a_BHW - shift, b_BHW - shift
    mean_a, mean_b = windows(a_BHW), windows(b_BHW)
    sample = 49 / 48
    var_a = sample * (windows(a_BHW * a_BHW) - mean_a * mean_a)
    var_b = sample * (windows(b_BHW * b_BHW) - mean_b * mean_b)
    covariance = sample * (windows(a_BHW * b_BHW) - mean_a * mean_b)
    mean_a, mean_b = mean_a + shift, mean_b + shift
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    denominator = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return torch.clip(torch.mean(numerator / denominator, (1, 2)), -1, 1)


def multi_label(logits: Tensor, batch: Batch, loss: Tensor) -> dict[str, Tensor]:
    """`logits`, targets, weights and unweighted `loss` [..., T]; a weight of 0 marks a label that is
    not known. Ranking needs all of them, so that they are among the results.
    """
    targets, weights = batch["targets"], batch["weights"]
    return {
        "accuracy": torch.sum(((logits > 0) == (targets > 0)) * weights),
        "loss": torch.sum(loss * weights),
        "weight": torch.sum(weights),
        "logits": logits,
        "targets": targets,
        "weights": weights,
    }


def speech(logits: tuple[Tensor, Tensor], batch: Batch, loss: Tensor) -> dict[str, Tensor]:
    """`logits` [B, T, C] and paddings [B, T], `loss` [B] unweighted; targets (tokens, paddings)
    [B, N]. Beside sums there are tokens, which the host makes words of: `decoded` [B, T] and
    `targets` [B, N], filled up with 0, and `weights` [B].
    """
    tokens, paddings = batch["targets"]
    weights = batch["weights"]
    return {
        "decoded": greedy_ctc(*logits),
        "targets": torch.where(paddings == 0, tokens, 0),
        "weights": weights,
        "loss": torch.sum(loss * weights),
        "weight": torch.sum(torch.sum(1 - paddings, 1) * weights),
    }


def greedy_ctc(logits_BTC: Tensor, paddings_BT: Tensor) -> Tensor:
    """The likeliest class of every frame, repetitions merged, blanks (0) dropped, moved to the left
    and filled up with 0: [B, T].
    """
    best = torch.where(paddings_BT == 0, torch.argmax(logits_BTC, -1), 0)
    previous = F.pad(best[:, :-1], (1, 0))
    kept = torch.where(best == previous, 0, best)
    order = torch.argsort(kept == 0, dim=1, stable=True)
    return torch.take_along_dim(kept, order, 1).int()


BATCH_SUMS: dict[int, Callable[[Any, Batch, Tensor], dict[str, Tensor]]] = {
    CLASSIFICATION: classification,
    LANGUAGE_MODEL: loss_alone,
    CLICK: loss_alone,
    RECONSTRUCTION: reconstruction,
    MULTI_LABEL: multi_label,
    TRANSLATION: classification,
    SPEECH: speech,
}
