import math

import numpy as np
import pytest
from scipy import stats

from scoring import speedups
from scoring.board import assess
from scoring.rules import resolve
from scoring.testing import make_board, make_trials
from spec.loading import load_ruleset

inf = math.inf
TIMES = {"a": {"criteo1tb": [100.0], "ogbg": [inf]}, "b": {"criteo1tb": [200.0], "ogbg": [2000.0]}}


def test_a_time_ratio_is_the_geometric_mean_with_misses_at_the_budget() -> None:
    ratio = speedups.board_time_ratios(make_board(TIMES, ["criteo1tb", "ogbg"]))
    expected = stats.gmean([100 / 200, 18477 / 2000])
    np.testing.assert_allclose(ratio, [[1, expected], [1 / expected, 1]])


def test_official_misses_take_a_second_longer() -> None:
    board = make_board(TIMES, ["criteo1tb", "ogbg"], method="official")
    ratio = speedups.board_time_ratios(board)
    assert ratio[0, 1] == pytest.approx(stats.gmean([100 / 200, 18478 / 2000]))


def test_a_workload_not_run_is_a_miss_in_the_documents_and_undefined_in_the_official_code() -> None:
    times = {"a": {"criteo1tb": [100.0]}, "b": TIMES["b"]}
    documented = speedups.board_time_ratios(make_board(times, ["criteo1tb", "ogbg"]))
    assert documented[0, 1] == pytest.approx(stats.gmean([0.5, 18477 / 2000]))
    official = speedups.board_time_ratios(
        make_board(times, ["criteo1tb", "ogbg"], method="official")
    )
    assert np.isnan(official[0, 1]) and official[1, 1] == 1


@pytest.mark.parametrize("tuning", ["external", "self"])
def test_where_v05_lacks_a_workload_the_rulesets_budget_stands_in(tuning: str) -> None:
    rules = resolve(load_ruleset("v0.6", tuning), [], ["digits_vit", "ogbg"])
    times = {"a": {"digits_vit": [inf], "ogbg": [inf]}, "b": {"digits_vit": [10.0], "ogbg": [9.0]}}
    ratio = speedups.board_time_ratios(assess(make_trials(times, rules), rules, method="official"))
    digits, ogbg = (60, 18477) if tuning == "external" else (90, 3 * 18477)
    assert ratio[0, 1] == pytest.approx(stats.gmean([(digits + 1) / 10, (ogbg + 1) / 9]))


def test_a_miss_without_a_budget_has_no_ratio() -> None:
    found = speedups.time_ratios(np.array([[inf], [5.0]]), np.array([inf]), nan_is_miss=True)
    np.testing.assert_array_equal(found, [[math.nan, math.nan], [math.nan, 1]])


@pytest.mark.filterwarnings("error")
def test_targets_reached_at_0_seconds() -> None:
    found = speedups.time_ratios(np.array([[0.0], [5.0]]), np.array([9.0]), nan_is_miss=True)
    np.testing.assert_array_equal(found, [[math.nan, 0], [inf, 1]])


def test_workloads_that_both_miss_count_as_equal() -> None:
    times = {"a": {"criteo1tb": [50.0]}, "b": {"criteo1tb": [100.0]}}
    ratio = speedups.board_time_ratios(make_board(times, ["criteo1tb", "wmt"]))
    assert ratio[0, 1] == pytest.approx(math.sqrt(0.5))
