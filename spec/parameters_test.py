import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec import declarations, parameters
from spec.initialization import ONES, ZEROS
from spec.loading import SpecError
from spec.parameter_pb2 import ATTENTION_Q, MATRIX, Parameter
from spec.workload_pb2 import Workload


def two() -> list[Parameter]:
    return [
        Parameter(name="a", shape=[2, 3], initializer=ONES),
        Parameter(name="b", shape=[3], initializer=ZEROS),
    ]


def test_equal_lists_have_equal_digests_and_no_difference() -> None:
    assert parameters.digest(two()) == parameters.digest(two())
    assert parameters.first_difference(two(), two()) == ""


def test_digests_see_order_and_content() -> None:
    changed = two()
    changed[1].shape[0] = 4
    digests = {parameters.digest(p) for p in (two(), two()[::-1], two()[:1], changed)}
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("name", "c", "parameter number 1 is c, expected b"),
        ("output_layer", True, "parameter b: output_layer is True, expected False"),
        ("fan_in", 7, "parameter b: fan_in is 7, expected 0"),
    ],
)
def test_the_first_difference_is_named(field: str, value: object, expected: str) -> None:
    changed = two()
    setattr(changed[1], field, value)
    assert parameters.first_difference(two(), changed) == expected


def test_a_missing_parameter_is_a_difference() -> None:
    assert parameters.first_difference(two(), two()[:1]) == "1 parameters, expected 2"


def test_a_list_that_is_not_the_specifications_is_refused() -> None:
    workload = Workload(name="nowhere", parameter_digest=parameters.digest(two()))
    parameters.check_against_spec(workload, two())
    with pytest.raises(SpecError, match="workload nowhere: its modules give parameters with"):
        parameters.check_against_spec(workload, two()[::-1])


names = st.lists(st.sampled_from("abc"), min_size=3, max_size=3).map(".".join)


@given(st.dictionaries(names, st.integers()))
def test_flatten_undoes_unflatten(flat: dict[str, int]) -> None:
    assert parameters.flatten(parameters.unflatten(flat)) == flat


def test_a_dense_layer_over_several_axes() -> None:
    declared = declarations.dense((12,), (3, 4), kernel_type=ATTENTION_Q)
    kernel, bias = declared["kernel"], declared["bias"]
    assert list(kernel.shape) == [12, 3, 4] and kernel.layout == MATRIX
    assert (kernel.fan_in, kernel.fan_out) == (12, 12)
    assert list(bias.shape) == [3, 4]


def test_a_convolutions_fans_count_the_window() -> None:
    kernel = declarations.conv((3, 3), 8, 16)["kernel"]
    assert (kernel.fan_in, kernel.fan_out) == (72, 144)
