import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spec import layouts
from spec.parameter_pb2 import AS_IS, CONV, CONV_TRANSPOSE, FLAT, MATRIX, Parameter

layout_cases = st.sampled_from(
    [
        Parameter(shape=[3, 2], layout=AS_IS),
        Parameter(shape=[2, 3], layout=FLAT),
        Parameter(shape=[4, 2, 3], layout=MATRIX, fan_in=4, fan_out=6),
        Parameter(shape=[2, 3, 4], layout=MATRIX, fan_in=6, fan_out=4),
        Parameter(shape=[3, 5, 2, 4], layout=CONV),
        Parameter(shape=[3, 2, 4], layout=CONV),
        Parameter(shape=[2, 2, 3, 4], layout=CONV_TRANSPOSE),
    ]
)


@given(layout_cases)
def test_layouts_go_there_and_back(parameter: Parameter) -> None:
    canonical = np.arange(math.prod(parameter.shape)).reshape(tuple(parameter.shape))
    held = layouts.to_torch_layout(parameter, canonical)
    assert held.shape == layouts.torch_shape(parameter)
    np.testing.assert_array_equal(layouts.to_canonical(parameter, held), canonical)


def test_a_transposed_convolution_has_its_space_reversed() -> None:
    parameter = Parameter(shape=[2, 2, 1, 1], layout=CONV_TRANSPOSE)
    held = layouts.to_torch_layout(parameter, np.arange(4).reshape(2, 2, 1, 1))
    np.testing.assert_array_equal(held[0, 0], [[3, 2], [1, 0]])
