import math

import numpy as np
import pytest

from conformance import comparison
from spec.conformance_pb2 import (
    FORWARD,
    GRADIENT,
    IDENTICAL,
    PARAMETERS,
    RELATIVE_L2,
    RELATIVE_MAX,
    TRAJECTORY,
    Bound,
    Case,
    Measure,
    Measurement,
)
from spec.loading import SpecError


def measured(
    measure: Measure,
    a: np.ndarray,
    b: np.ndarray,
    *,
    bound: float = 0.0,
    floor: float = 0.0,
    growth: float = 0.0,
    typical: float = 1.0,
) -> Measurement:
    rule = Bound(measure=measure, bound=bound, floor=floor, growth_per_step=growth)
    return comparison.measure(FORWARD, "x", rule, np.asarray(a), np.asarray(b), typical)


def test_identical_counts_bits_that_differ() -> None:
    a = np.array([1.0, 2.0, 0.0, np.nan], np.float32)
    same = measured(IDENTICAL, a, a.copy())
    assert same.passed and same.error == 0
    other = measured(IDENTICAL, a, np.array([1.0, 2.5, -0.0, np.nan], np.float32))
    assert not other.passed and other.error == 2
    assert other.detail == "at [1]: 2.0 against 2.5"


def test_relative_l2_by_hand() -> None:
    result = measured(RELATIVE_L2, np.array([3.0, 4.5]), np.array([3.0, 4.0]), bound=0.1)
    assert result.passed and math.isclose(result.error, 0.1)
    assert not measured(RELATIVE_L2, np.array([3.0, 4.6]), np.array([3.0, 4.0]), bound=0.1).passed


def test_relative_max_by_hand() -> None:
    result = measured(RELATIVE_MAX, np.array([1.0, 10.0]), np.array([1.5, 10.0]), bound=0.05)
    assert result.passed and math.isclose(result.error, 0.05)


def test_a_floor_keeps_rounding_of_zero_from_counting() -> None:
    a, b = np.full(4, 1e-9), np.zeros(4)
    assert measured(RELATIVE_L2, a, b, bound=1e-4).error == math.inf
    floored = measured(RELATIVE_L2, a, b, bound=1e-4, floor=1e-3, typical=2.0)
    assert floored.passed and math.isclose(floored.error, 1e-9 / 2e-3)


@pytest.mark.parametrize("measure", [IDENTICAL, RELATIVE_L2, RELATIVE_MAX])
def test_nan_on_one_side_never_passes(measure: Measure) -> None:
    a, b = np.array([1.0, np.nan]), np.array([1.0, 2.0])
    assert not measured(measure, a, b, bound=1e9 if measure != IDENTICAL else 0).passed
    assert not measured(measure, b, a, bound=1e9 if measure != IDENTICAL else 0).passed


@pytest.mark.parametrize("other", [np.zeros(3, np.float32), np.zeros((2, 1)), np.zeros(2, int)])
def test_another_shape_or_type_fails(other: np.ndarray) -> None:
    result = measured(RELATIVE_L2, np.zeros(2), other, bound=1.0)
    assert not result.passed and result.error == math.inf
    assert result.detail.startswith("float64[2], expected ")


def test_the_bound_grows_with_the_steps() -> None:
    b = np.ones(3)
    grown = b + np.array([1.0, 2.0, 4.0]) * 1e-6
    assert measured(RELATIVE_MAX, grown, b, bound=1.01e-6, growth=2.0).passed
    late = b + np.array([1.0, 2.0, 4.2]) * 1e-6
    assert not measured(RELATIVE_MAX, late, b, bound=1.01e-6, growth=2.0).passed
    failed = measured(RELATIVE_MAX, late, b, bound=1.01e-6, growth=2.0)
    assert failed.detail.startswith("step at [2]: 1.0000042 against 1.0")
    np.testing.assert_allclose(failed.step_errors, [1e-6, 2e-6, 4.2e-6], rtol=1e-6)
    # The step that is furthest from what it may be, not the one with the largest difference.
    early = b + np.array([1.5, 2.0, 4.0]) * 1e-6
    assert "at [0]" in measured(RELATIVE_MAX, early, b, bound=1.01e-6, growth=2.0).detail
    nan = b + np.array([0, 0, np.nan])
    assert not measured(RELATIVE_MAX, nan, b, bound=1.0, growth=2.0).passed


CASE = Case(
    workload="w",
    bounds=[
        Bound(level=GRADIENT, quantity="gradient/*.bias", measure=RELATIVE_L2, bound=1.0),
        Bound(level=GRADIENT, quantity="*", measure=RELATIVE_L2, bound=1e-4),
        Bound(level=PARAMETERS, quantity="*", measure=IDENTICAL),
    ],
)


def test_the_first_bound_that_fits_is_used() -> None:
    assert comparison.bound_of(CASE, GRADIENT, "gradient/a.bias").bound == 1.0
    assert comparison.bound_of(CASE, GRADIENT, "gradient/a.kernel").bound == 1e-4
    with pytest.raises(SpecError, match="no bound of level TRAJECTORY fits quantity 'loss'"):
        comparison.bound_of(CASE, TRAJECTORY, "loss")


def test_a_level_looks_at_its_quantities_only() -> None:
    arrays = {"gradient/a.kernel": np.ones(2), "eval/logits": np.ones(2)}
    quantities = [m.quantity for m in comparison.compare(GRADIENT, CASE, arrays, arrays)]
    assert quantities == ["gradient/a.kernel"]


def test_what_one_side_lacks_fails() -> None:
    full = {"gradient/a": np.ones(2), "gradient/b": np.ones(2)}
    part = {"gradient/a": np.ones(2)}
    for first, second, side in ((full, part, "second"), (part, full, "first")):
        failures = [m for m in comparison.compare(GRADIENT, CASE, first, second) if not m.passed]
        assert [m.quantity for m in failures] == ["gradient/b"]
        assert failures[0].detail == f"missing in the {side} backend"


def test_parameters_must_be_in_the_same_order() -> None:
    one = {"declaration/a": np.ones(2), "declaration/b": np.ones(2)}
    other = dict(reversed(one.items()))
    failures = [m for m in comparison.compare(PARAMETERS, CASE, one, other) if not m.passed]
    assert [m.quantity for m in failures] == ["order"]
