import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import profiles
from scoring.profiles import Scoring, layout
from scoring.times import Method

inf, nan = math.inf, math.nan


def scoring(
    method: Method = "documented", held_out: tuple[tuple[int, int], ...] = (), n: int = 2
) -> Scoring:
    return Scoring(tuple(range(n)), held_out, 4.0, method)


def test_ratios_are_to_the_fastest() -> None:
    ratio = profiles.ratios(np.array([[10.0, 30], [20, 15], [41, inf], [nan, 15]]), scoring())
    np.testing.assert_array_equal(ratio, [[1, 2], [2, 1], [inf, inf], [inf, 1]])


def test_a_ratio_of_exactly_the_largest_still_counts() -> None:
    ratio = profiles.ratios(np.array([[10.0], [40], [40.001]]), scoring(n=1))
    np.testing.assert_array_equal(ratio[:, 0], [1, 4, inf])


def test_a_target_reached_at_0_s_is_a_win_and_no_division_by_zero() -> None:
    times = np.array([[0.0, 8.0], [0.0, 4.0], [1.0, 4.0]])
    expected = [[1, 2], [1, 1], [inf, 1]]
    np.testing.assert_array_equal(profiles.ratios(times, scoring()), expected)


def test_a_workload_that_nobody_solved_has_no_ratios() -> None:
    assert np.isinf(profiles.ratios(np.array([[inf], [nan]]), scoring(n=1))).all()


@pytest.mark.parametrize(
    ("held_out_times", "expected"),
    [
        ([100, 100], [1, 2]),
        ([inf, 100], [inf, 1]),  # the fastest fails its variant: ratios are to the fastest left
        ([nan, 100], [inf, 1]),
        ([100, 401], [1, inf]),  # too slow on the variant
        ([100, 400], [1, 2]),
    ],
)
def test_a_held_out_workload_disqualifies(
    held_out_times: list[float], expected: list[float]
) -> None:
    times = np.array([[10.0, held_out_times[0]], [20, held_out_times[1]]])
    ratio = profiles.ratios(times, scoring(held_out=((1, 0),), n=1))
    np.testing.assert_array_equal(ratio[:, 0], expected)


def test_who_fails_the_base_does_not_set_the_pace_on_its_variant() -> None:
    times = np.array([[inf, 1.0], [20, 100]])
    ratio = profiles.ratios(times, scoring(held_out=((1, 0),), n=1))
    np.testing.assert_array_equal(ratio[:, 0], [inf, 1])


def test_the_first_cut_is_final() -> None:
    """Cut against a submission that is disqualified later; the ratio to the one left is small."""
    times = np.array([[10.0, inf], [50, 100], [20, 100]])
    ratio = profiles.ratios(times, scoring(held_out=((1, 0),), n=1))
    np.testing.assert_array_equal(ratio[:, 0], [inf, inf, 1])


def test_inputs_are_not_changed() -> None:
    times = np.array([[nan, inf], [50.0, 300]])
    before = times.copy()
    profiles.ratios(times, scoring(held_out=((1, 0),), n=1))
    np.testing.assert_array_equal(times, before)


def test_exact_credit_is_the_area_right_of_the_ratio() -> None:
    credit = profiles.credits(np.array([[1, 2.5, 4, inf]]), scoring(n=4))
    np.testing.assert_allclose(credit, [[1, 0.5, 0, 0]])
    assert profiles.scores(np.array([[10.0, 20]]), scoring()) == [1]


RATIOS = st.lists(
    st.floats(1, 4.5) | st.just(inf) | st.sampled_from(list(np.linspace(1, 4, 100))),
    min_size=1,
    max_size=9,
)


@given(RATIOS)
def test_official_credit_is_the_trapezoid_rule_over_the_grid(values: list[float]) -> None:
    ratio = np.array([values])
    grid = profiles.official_grid(4.0)
    area = np.trapezoid(profiles.profile(ratio, grid), grid) / 3
    credit = profiles.credits(ratio, scoring("official", n=len(values)))
    np.testing.assert_allclose(credit.mean(-1), area, rtol=0, atol=1e-14)


@given(RATIOS)
def test_exact_credit_is_the_integral_of_the_profile(values: list[float]) -> None:
    ratio = np.array([values])
    ends = np.unique(np.concatenate([[1, 4], ratio[(ratio <= 4)]]))
    area = (profiles.profile(ratio, ends[:-1]) * np.diff(ends)).sum(-1) / 3
    credit = profiles.credits(ratio, scoring(n=len(values)))
    np.testing.assert_allclose(credit.mean(-1), area, rtol=0, atol=1e-13)


@given(RATIOS)
def test_the_two_methods_are_close(values: list[float]) -> None:
    ratio = np.array([values])
    n = len(values)
    both = [profiles.credits(ratio, scoring(m, n=n)).mean(-1) for m in ("documented", "official")]
    np.testing.assert_allclose(both[0], both[1], atol=0.5 / 99 + 1e-12)


def test_leading_axes_are_independent() -> None:
    rng = np.random.default_rng(0)
    times = np.exp(rng.normal(size=(5, 4, 3)))
    both = scoring(held_out=((2, 0),))
    together = profiles.scores(times, both)
    np.testing.assert_array_equal(together, [profiles.scores(one, both) for one in times])


def test_ranks_share_ties() -> None:
    assert profiles.ranks(np.array([0.5, 0.9, 0.5, 0.1])).tolist() == [2, 1, 2, 4]
    assert profiles.ranks(np.array([0.3, 0.1 + 0.2])).tolist() == [1, 1]


def test_layout_of_a_version_with_held_out_workloads() -> None:
    names = ["ogbg", "wmt", "wmt_glu_tanh", "wmt_post_ln"]
    made = layout(names, ["ogbg", "wmt"], {"wmt_glu_tanh": "wmt"}, 4.0, "official")
    assert (made.base, made.held_out) == ((0, 1), ((2, 1),))
