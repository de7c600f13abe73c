"""Word error rates by hand: the official one, its free words and its quotes, and the plain one."""

import numpy as np
import pytest

from spec import metrics, word_errors
from spec.workload_pb2 import SPEECH


def official(found: str, expected: str) -> tuple[int, int]:
    return word_errors.count([word_errors.printed(found)], [word_errors.printed(expected)])


@pytest.mark.parametrize(
    ("found", "expected", "plain"),
    [
        ("HELLO WORLD", "HELLO WORLD", (0, 2)),
        ("HELLO", "HELLO BIG WORLD", (2, 3)),
        ("A B C D", "A X C", (2, 3)),
        ("", "A B", (2, 2)),
        ("A B", "", (2, 0)),
    ],
)
def test_plain_word_errors(found: str, expected: str, plain: tuple[int, int]) -> None:
    assert word_errors.count([found], [expected]) == plain


# Measured on the official implementation.
@pytest.mark.parametrize(
    ("found", "expected", "counts"),
    [
        ("HELLO WORLD", "HELLO WORLD", (0, 4)),
        ("DOG SAT MAT", "DON'T SAT MAT", (2, 5)),
        ("HELLO DOG MAT", "HELLO DON'T MAT", (3, 5)),
        ("", "A B C", (3, 5)),
        ("", "", (0, 3)),
    ],
)
def test_official_word_errors(found: str, expected: str, counts: tuple[int, int]) -> None:
    assert official(found, expected) == counts


def test_the_official_form_prints_bytes() -> None:
    assert word_errors.printed("A B") == "tf.Tensor(b'A B', shape=(), dtype=string)"
    assert "\\xe2\\x81\\x87" in word_errors.printed("A \u2047 B")


def test_both_rates_of_a_split() -> None:
    words = {3: "A", 4: "B", 5: "C"}
    batch = {
        "decoded": np.array([[3, 4, 0], [5, 0, 0], [3, 0, 0]]),
        "targets": np.array([[3, 4, 5, 2], [5, 2, 0, 0], [4, 4, 4, 4]]),
        "weights": np.array([1.0, 1.0, 0.0]),
        "loss": np.float32(6),
        "weight": np.float32(4),
    }
    sums = word_errors.sums_of_batch(
        batch, lambda tokens: " ".join(words[t] for t in tokens if t in words)
    )
    found = metrics.from_batches(SPEECH, [sums])
    # One word of four is missing; officially the one before it is also wrong, its quote being new.
    assert found == {"wer": 2 / 8, "ctc_loss": 1.5, "plain_wer": 1 / 4}
