import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scoring import times
from scoring.testing import hitting_trial, make_trial, rules_v05
from scoring.times import MISS, Method, TrialArrays

RULES = rules_v05()
CRITEO = RULES.workloads["criteo1tb"]  # loss, lower is better, target 0.123735, budget 7703 s
TARGET = CRITEO.target
inf, nan = math.inf, math.nan


def test_the_first_evaluation_at_the_target_counts() -> None:
    hit = times.first_hit(make_trial([0.2, 0.13, 0.12, 0.11]), CRITEO)
    assert (hit.row, hit.step, hit.time_sec, hit.earliest_sec) == (2, 21, 300, 200)


def test_equality_is_enough() -> None:
    assert times.first_hit(make_trial([TARGET]), CRITEO).row == 0
    assert times.first_hit(make_trial([np.nextafter(TARGET, 1)]), CRITEO) == MISS


def test_direction_is_that_of_the_metric() -> None:
    rules = RULES.workloads["fastmri"]
    trial = make_trial([0.1, 0.8], workload="fastmri", metric="validation/ssim")
    assert times.first_hit(trial, rules).row == 1


def test_a_later_miss_undoes_nothing_but_is_no_stable_hit() -> None:
    trial = make_trial([0.1, 0.2, 0.1, 0.1])
    assert times.first_hit(trial, CRITEO).row == 0
    assert times.first_hit(trial, CRITEO, stable=True).row == 2
    assert times.first_hit(make_trial([0.1, 0.2]), CRITEO, stable=True) == MISS


def test_nan_and_missing_values_never_hit() -> None:
    assert times.first_hit(make_trial([nan, 0.2, nan]), CRITEO) == MISS
    assert times.first_hit(make_trial([nan, 0.1, nan]), CRITEO).row == 1
    assert times.first_hit(make_trial([]), CRITEO) == MISS
    assert times.first_hit(make_trial([0.1], metric="validation/other"), CRITEO) == MISS


def test_a_hit_after_the_budget_is_none() -> None:
    assert times.first_hit(make_trial([0.1], [7703]), CRITEO).row == 0
    assert times.first_hit(make_trial([0.2, 0.1], [10, 7703.1]), CRITEO) == MISS


def test_before_the_first_evaluation_the_target_may_be_crossed_any_time() -> None:
    assert times.first_hit(make_trial([0.1]), CRITEO).earliest_sec == 0


def arrays(cells: dict[tuple[str, str, int], list[tuple[float, int]]]) -> TrialArrays:
    """From (submission, workload, study) -> (time, row) of its trials."""
    trials, hits = [], []
    for (name, workload, study), members in cells.items():
        for number, (time, row) in enumerate(members, start=1):
            trials.append(
                hitting_trial(time, workload, RULES, submission=name, study=study, trial=number)
            )
            hits.append(times.Hit(row, 1.0, time, 0.0) if time < inf else MISS)
    return times.trial_arrays(trials, hits, RULES.counted)


@pytest.mark.parametrize(("method", "expected"), [("documented", 90), ("official", 100)])
def test_the_official_code_picks_by_row_and_the_documents_by_time(
    method: Method, expected: float
) -> None:
    made = arrays({("a", "wmt", 0): [(90, 8), (100, 7), (inf, -1)]})
    assert times.study_times(made, method)[0, made.workloads.index("wmt"), 0] == expected


def test_equal_rows_go_to_the_trial_that_is_first_by_name() -> None:
    made = arrays({("a", "wmt", 0): [(100, 7), (90, 7)]})
    assert times.study_times(made, "official")[0, made.workloads.index("wmt"), 0] == 100


def test_of_logs_of_one_trial_the_fastest_counts_however_they_are_ordered() -> None:
    logs = [hitting_trial(time, "criteo1tb", RULES) for time in (300.0, 200.0)]
    hits = [times.Hit(7, 1.0, time, 0.0) for time in (300.0, 200.0)]
    for made in (
        times.trial_arrays(logs, hits, RULES.counted),
        times.trial_arrays(logs[::-1], hits[::-1], RULES.counted),
    ):
        assert np.nanmin(times.study_times(made, "official")) == 200


@pytest.mark.parametrize(
    ("method", "expected"), [("documented", [inf, 200, inf]), ("official", [nan, 200, inf])]
)
def test_a_missing_study_is_a_miss_in_the_documents_and_nothing_in_the_official_code(
    method: Method, expected: list[float]
) -> None:
    made = arrays(
        {
            ("a", "wmt", 0): [(100, 1)],
            ("a", "ogbg", 1): [(200, 1)],
            ("a", "ogbg", 2): [(inf, -1)],
        }
    )
    study = times.study_times(made, method)
    ogbg, fastmri = made.workloads.index("ogbg"), made.workloads.index("fastmri")
    np.testing.assert_array_equal(study[0, ogbg], expected)
    assert np.isnan(study[0, fastmri]).all()


def test_excluded_trials_are_as_good_as_absent() -> None:
    made = arrays({("a", "wmt", 0): [(inf, -1)], ("a", "wmt", 1): [(50, 1), (40, 1)]})
    excluded = np.isinf(made.time_sec)
    study = times.study_times(made, "documented", excluded=excluded)
    np.testing.assert_array_equal(study[0, made.workloads.index("wmt")], [nan, 40])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 1, 2], 2),
        ([3, 1], 2),
        ([1, inf], inf),
        ([1, 2, inf], 2),
        ([1, inf, inf], inf),
        ([1, nan, 5], 3),
        ([nan, 7, nan], 7),
        ([nan, nan, nan], nan),
    ],
)
def test_median(values: list[float], expected: float) -> None:
    np.testing.assert_array_equal(times.median(np.array(values)), expected)


def test_median_of_nothing_is_nothing() -> None:
    assert np.isnan(times.median(np.empty((2, 3, 0)))).all()


VALUES = hnp.arrays(
    float,
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
    elements=st.floats(0, 1e6) | st.just(inf),
)


@given(VALUES)
def test_median_is_numpys(values: np.ndarray) -> None:
    np.testing.assert_array_equal(times.median(values), np.median(values, -1))


@given(VALUES, st.randoms())
def test_picking_by_itself_is_the_minimum(values: np.ndarray, random: object) -> None:
    np.testing.assert_array_equal(times.picked(values, values), values.min(-1))
