"""Mean average precision: numbers measured on the official implementation, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.ranking import mean_average_precisions

# Logits, labels (. is not known) of 12 examples and 6 labels, and what the official implementation
# gives. Of the third label only zeros are known, of the fourth only ones.
MEASURED = """
 0.465914  0.804468  0.305672 -0.613162 -0.200166  0.765069  01.111
-0.610530 -1.250720  1.195547 -1.130054  1.186103  0.434629  1.0.01
 0.287385  1.869117  0.360556 -1.161524 -0.055801 -1.086447  .0.110
 1.593891 -1.347835 -0.013441  0.524137 -2.064946  0.234920  .10100
 1.593891 -0.506456 -1.162295 -1.570405 -0.833620  0.918767  0001..
 1.593891 -0.080497 -0.847474  1.106216  1.435219 -0.321780  11....
-0.153754 -0.644932 -0.883173  1.185565  1.122711  0.377219  00.10.
 1.064120 -1.156503  1.135510  1.221325 -0.238472  0.912190  110.10
 0.061911  0.456773  1.056761  1.093249 -0.884865 -0.828827  .0010.
 0.730832 -1.170724  0.910070 -0.579333  0.169689 -0.034948  100110
 0.553403  0.627267 -2.492010 -0.953411 -1.907410 -0.822860  .101.1
-0.499870 -2.209927  0.953978  1.072741  1.501584 -0.493216  0.0101
"""


def parsed(text: str) -> dict[str, np.ndarray]:
    rows = [line.split() for line in text.strip().splitlines()]
    labels = np.array([list(row[-1]) for row in rows])
    return {
        "logits": np.array([row[:-1] for row in rows], np.float32),
        "targets": (labels == "1").astype(np.float32),
        "weights": (labels != ".").astype(np.float32),
    }


def test_as_measured_on_the_official_implementation() -> None:
    found = mean_average_precisions([parsed(MEASURED)])
    assert found["mean_average_precision"] == pytest.approx(0.6294761904761904, rel=1e-12)
    # The fourth label's precision of 1 does not count plainly.
    plain = (0.6041666666666666 + 0.5533333333333333 + 0.4303571428571429 + 0.5595238095238095) / 4
    assert found["plain_mean_average_precision"] == pytest.approx(plain, rel=1e-12)


def test_by_hand() -> None:
    batch = parsed("3 0 1.\n2 0 00\n1 0 10")  # ones at places 1 and 3: (1/1 + 2/3) / 2
    found = mean_average_precisions([batch])
    assert found["mean_average_precision"] == pytest.approx(5 / 6, rel=1e-12)


def test_no_label_to_count() -> None:
    values = mean_average_precisions([parsed("1 0.\n2 0.".replace(" 0.", " 0 0."))]).values()
    assert all(math.isnan(value) for value in values)


def test_far_logits_do_not_overflow() -> None:
    found = mean_average_precisions([parsed("-200 200 00\n200 -200 11")])
    assert found["plain_mean_average_precision"] == pytest.approx((1 + 0.5) / 2)


@given(st.permutations(range(12)), st.integers(1, 11), st.integers(0, 4))
def test_neither_order_nor_batches_nor_padding_matter(
    order: list[int], cut: int, padding: int
) -> None:
    whole = parsed(MEASURED)
    mixed = {name: array[order] for name, array in whole.items()}
    padded = {name: np.pad(array[cut:], ((0, padding), (0, 0))) for name, array in mixed.items()}
    batches = [{name: array[:cut] for name, array in mixed.items()}, padded]
    expected = mean_average_precisions([whole])
    assert mean_average_precisions(batches) == pytest.approx(expected, rel=1e-12)
