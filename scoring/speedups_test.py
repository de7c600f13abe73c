import math

import numpy as np
import pytest
from scipy import stats

from scoring import speedups
from scoring.testing import make_board

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


def test_workloads_that_both_miss_count_as_equal() -> None:
    times = {"a": {"criteo1tb": [50.0]}, "b": {"criteo1tb": [100.0]}}
    ratio = speedups.board_time_ratios(make_board(times, ["criteo1tb", "wmt"]))
    assert ratio[0, 1] == pytest.approx(math.sqrt(0.5))
