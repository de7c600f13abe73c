import numpy as np

from conformance import arrays
from spec.parameter_pb2 import EMBEDDING, Parameter


def test_embeddings_gradients_are_sent_as_the_rows_that_are_not_zero() -> None:
    table = np.zeros((5, 2), np.float32)
    table[3, 1] = 2
    kernel = np.zeros((2, 2), np.float32)
    parameters = [Parameter(name="t", type=EMBEDDING), Parameter(name="k")]
    found = arrays.nonzero_rows({"t": table, "k": kernel}, parameters)
    assert found["gradient/k"].shape == (2, 2)
    np.testing.assert_array_equal(found["gradient/t"], [[0, 2]])
    np.testing.assert_array_equal(found["gradient_rows/t"], [3])
