"""Names and forms of a submission's state."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.layouts import to_torch_layout
from spec.parameter_pb2 import AS_IS, CONV, CONV_TRANSPOSE, FLAT, MATRIX, Layout, Parameter
from spec.state_names import full_name, own_form, parameter_of, parts_by_own_name, shared_form
from spec.submission_pb2 import JAX, PYTORCH, StatePart

KERNEL = Parameter(name="a.kernel", shape=[2, 3], layout=MATRIX, fan_in=2, fan_out=3)


def test_sides_call_parts_their_own_names() -> None:
    parts = [
        StatePart(name="count"),
        StatePart(name="slow_count", jax="count_m2", pytorch="count"),
        StatePart(name="first", jax="mu"),
    ]
    assert {k: len(v) for k, v in parts_by_own_name(parts, JAX).items()} == {
        "count": 1,
        "count_m2": 1,
        "mu": 1,
    }
    found = parts_by_own_name(parts, PYTORCH)
    assert [part.name for part in found["count"]] == ["count", "slow_count"]
    assert "first" in found and "mu" not in found


def test_a_parameter_is_told_by_its_name_with_or_without_a_number() -> None:
    known = {KERNEL.name: KERNEL}
    assert parameter_of("a.kernel", known) == parameter_of("3.a.kernel", known) == KERNEL
    assert parameter_of("", known) is parameter_of("a", known) is None
    assert full_name("latest", [3, "a.kernel"]) == "latest.3.a.kernel"


def test_what_is_shaped_as_its_parameter_is_canonical_and_the_rest_is_flat() -> None:
    held = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(shared_form(KERNEL, held, in_torch=True), held.T)
    rows = np.arange(3.0).reshape(3, 1)
    np.testing.assert_array_equal(shared_form(KERNEL, rows, in_torch=True), [0, 1, 2])
    assert shared_form(None, held, in_torch=True) is held


def test_a_placeholder_takes_the_size_of_what_was_saved() -> None:
    array = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(own_form(KERNEL, array, True, ()), array.T)
    assert own_form(KERNEL, np.zeros(1), True, ()).shape == ()


@given(
    st.sampled_from([AS_IS, FLAT, MATRIX, CONV, CONV_TRANSPOSE]),
    st.lists(st.integers(1, 3), min_size=2, max_size=4),
    st.booleans(),
)
def test_forms_are_inverse(layout: Layout, shape: list[int], in_torch: bool) -> None:
    if layout in (CONV, CONV_TRANSPOSE) and len(shape) < 3:
        shape = [2, *shape]
    fan_out = shape[-1]
    fan_in = int(np.prod(shape)) // fan_out
    parameter = Parameter(
        name="p",
        shape=shape,
        layout=layout,
        fan_in=fan_in,
        fan_out=fan_out,
    )
    canonical = np.arange(float(np.prod(shape))).reshape(shape)
    held = to_torch_layout(parameter, canonical) if in_torch else canonical
    written = shared_form(parameter, held, in_torch)
    np.testing.assert_array_equal(written, canonical)
    np.testing.assert_array_equal(own_form(parameter, written, in_torch, held.shape), held)


@pytest.mark.parametrize("shape", [(3,), (1, 3, 1), ()])
def test_other_shapes_come_back(shape: tuple[int, ...]) -> None:
    held = np.arange(float(np.prod(shape))).reshape(shape)
    written = shared_form(KERNEL, held, in_torch=False)
    assert written.ndim == 1
    assert own_form(KERNEL, written, False, shape).shape == shape
