"""Bounds from float64: by hand on made-up answers, and that the cases hold what follows from theirs."""

import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from conformance import comparison, runner, tolerances
from spec.conformance_pb2 import FORWARD, GRADIENT, IDENTICAL, Bound, Case, Level

TEXT = """\
# A comment that stays.
bounds { level: FORWARD quantity: "float64/*" measure: RELATIVE_L2 bound: 1e-12 }
bounds { level: FORWARD quantity: "eval/*" measure: RELATIVE_L2 bound: 1e-5 }
bounds {
  level: GRADIENT
  quantity: "*"
  measure: RELATIVE_MAX
  bound: 1e-4
  rounding: 1e-9
  reason: "it says why"
}
"""


def test_rounding_is_the_larger_of_the_backends_own() -> None:
    case = text_format.Parse(TEXT, Case())
    exact = np.array([3.0, 4.0])

    def answer(error: float) -> dict[str, np.ndarray]:
        near = np.array([3.0, 4.0 + error], np.float32)
        return {
            "eval/logits": near,
            "float64/eval/logits": exact,
            "gradient/w": near,
            "float64/gradient/w": exact,
        }

    found = dict(tolerances.roundings(case, [answer(0.0), answer(0.5), answer(0.25)]))
    assert found == {1: 0.1, 2: 0.125}  # 0.5 of the norm 5, and of the largest, 4


@pytest.mark.parametrize(
    ("rounding", "reason", "expected"),
    [
        (2.3e-7, "", 3e-6),
        (1e-9, "", tolerances.LEAST),
        (2e-5, "", 1e-5),  # never beyond the usual one
        (2e-5, "a reason", 2e-4),
    ],
)
def test_known_tolerances(rounding: float, reason: str, expected: float) -> None:
    bound = Bound(level=FORWARD, rounding=rounding, reason=reason)
    assert tolerances.tolerance(bound) == expected


def test_bfloat16_needs_less_margin() -> None:
    bound = Bound(level=FORWARD, rounding=1.2e-2, reason="bfloat16")
    assert tolerances.tolerance(bound, "float32") == 4e-2


@given(st.floats(1e-6, 1e-2))
def test_a_bound_is_at_least_the_margin_and_below_twice_that(rounding: float) -> None:
    bound = tolerances.tolerance(Bound(level=GRADIENT, rounding=rounding, reason="any"))
    assert bound >= 0.999 * tolerances.MARGINS["float64"] * rounding
    assert bound <= 2 * tolerances.MARGINS["float64"] * rounding


def test_only_two_numbers_of_a_case_are_rewritten() -> None:
    case = text_format.Parse(TEXT, Case())
    text = TEXT
    for place, (bound, rounding) in {1: (3e-6, 2.3e-7), 2: (2e-4, 1.2e-5)}.items():
        case.bounds[place].bound, case.bounds[place].rounding = bound, rounding
        text = tolerances.rewritten(text, place, case.bounds[place])
    assert text_format.Parse(text, Case()) == case
    expected = TEXT.replace("bound: 1e-5 }", "bound: 3e-6 rounding: 2.3e-07 }")
    expected = expected.replace("1e-4\n  rounding: 1e-9", "2e-4\n  rounding: 1.2e-05")
    assert text == expected


@pytest.mark.parametrize("name", runner.case_names())
def test_bounds_of_the_cases_follow_from_their_roundings(name: str) -> None:
    case = runner.load_case(name)
    computed = {b.level for b in case.bounds if comparison.is_exact(b.quantity)}
    for bound in case.bounds:
        if bound.rounding:
            exact = comparison.exact_type(case)
            assert bound.bound == tolerances.tolerance(bound, exact), bound.quantity
            assert bound.rounding < bound.bound, (
                f"{bound.quantity}: the exact type is something else"
            )
        elif bound.level in (FORWARD, GRADIENT) and bound.level in computed:
            exempt = bound.measure == IDENTICAL or comparison.is_exact(bound.quantity)
            assert exempt, f"{Level.Name(bound.level)} {bound.quantity}: no rounding is stored"
