"""Mean average precision over many labels, each of which ranks the examples by its logits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def mean_average_precisions(batches: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """`mean_average_precision` by the official rule, and `plain_mean_average_precision`.

    Both are means of scikit-learn's average precision over labels, in [0, 1], each of the examples
    of which the label is known; NaN where no label counts. Plainly a label counts if both a 0 and
    a 1 of it are known. Officially a label that is not known passes for a 0 in this question, and
    so does every row of padding: a label of which only ones are known counts, with precision 1.
    Published targets go by the official rule.

    Args:
      batches: each with `logits`, `targets` (0 or 1, and 0 where not known) and `weights` (1 where
        known, else 0), all [..., T].
    """
    from sklearn.metrics import average_precision_score

    logits, targets, weights = (
        np.concatenate([batch[name].reshape(-1, batch[name].shape[-1]) for batch in batches])
        for name in ("logits", "targets", "weights")
    )
    scores = np.exp(-np.logaddexp(0, -logits))  # the sigmoid: logits that it rounds together tie
    official, plain = [], []
    for of_label, known, score in zip(targets.T, weights.T > 0, scores.T, strict=True):
        if not _has_both(of_label):
            continue
        official.append(average_precision_score(of_label[known], score[known]))
        if _has_both(of_label[known]):
            plain.append(official[-1])
    return {
        "mean_average_precision": _mean(official),
        "plain_mean_average_precision": _mean(plain),
    }


def _has_both(labels: np.ndarray) -> bool:
    return bool(labels.min(initial=1) == 0 and labels.max(initial=0) == 1)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
