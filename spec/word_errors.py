"""Word error rate: words that were inserted, left out or replaced, over words of the reference.

The official workload compares not the texts but the way in which a TensorFlow tensor of the text
prints, which gives every utterance two words that are always right, and the first and the last word
the tensor's quotes. The published targets were set with that rate, so it decides; the plain rate is
reported beside it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np


def sums_of_batch(
    batch: Mapping[str, Any], text_of: Callable[[list[int]], str]
) -> dict[str, float]:
    """What an evaluation adds up over batches of speech, from what a backend gives for one.

    `batch` has `decoded` [B, T] and `targets` [B, N], tokens filled up with 0, and `weights` [B]
    beside `loss` and `weight`. `text_of` makes a text of tokens.
    """
    valid = np.asarray(batch["weights"]) > 0
    found, expected = (
        [text_of(np.trim_zeros(row, "b").tolist()) for row in np.asarray(batch[name])[valid]]
        for name in ("decoded", "targets")
    )
    errors, words = count(map(printed, found), map(printed, expected))
    plain_errors, plain_words = count(found, expected)
    return {
        "loss": float(batch["loss"]),
        "weight": float(batch["weight"]),
        "errors": errors,
        "words": words,
        "plain_errors": plain_errors,
        "plain_words": plain_words,
    }


def printed(text: str) -> str:
    """The text as the official workload compares it."""
    return f"tf.Tensor({text.encode()!r}, shape=(), dtype=string)"


def count(found: Iterable[str], expected: Iterable[str]) -> tuple[int, int]:
    """(word errors, words of the references) over pairs of texts."""
    from rapidfuzz.distance import Levenshtein

    errors = words = 0
    for hypothesis, reference in zip(found, expected, strict=True):
        reference_words = reference.split()
        errors += Levenshtein.distance(hypothesis.split(), reference_words)
        words += len(reference_words)
    return errors, words
