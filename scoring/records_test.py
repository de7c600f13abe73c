import numpy as np
import pytest

from scoring import records
from scoring.records import PREEMPTION, STEP, TIME, Ledger


def test_labels_sort_by_their_numbers() -> None:
    assert sorted(["trial_10", "trial_2", "a"], key=records.natural) == ["a", "trial_2", "trial_10"]


@pytest.mark.parametrize(
    "labels",
    [
        ["study", "study_01", "study_1", "study_1a", "study_02"],
        ["1", "07", "10", "9" * 5000, "9" * 5000 + "0", "x1\u00b2", "x1\u0663"],
    ],
)
def test_any_labels_have_one_order(labels: list[str]) -> None:
    found = labels[::-1]
    found.sort(key=records.natural)
    assert found == labels


def columns(steps: list[float], runs: list[float]) -> dict[str, np.ndarray]:
    return {STEP: np.array(steps), PREEMPTION: np.array(runs), TIME: np.arange(len(steps)) + 1.0}


def test_rows_repeated_after_a_preemption_are_superseded() -> None:
    kept, num = records.without_superseded(columns([1, 5, 9, 5, 9, 12], [0, 0, 0, 1, 1, 1]))
    assert num == 2
    assert kept[STEP].tolist() == [1, 5, 9, 12]
    assert kept[TIME].tolist() == [1, 4, 5, 6]


def test_a_row_of_the_lost_run_goes_even_if_its_step_is_not_repeated() -> None:
    kept, num = records.without_superseded(columns([1, 5, 9, 4, 8], [0, 0, 0, 1, 1]))
    assert (kept[STEP].tolist(), num) == ([1, 4, 8], 2)


def test_without_preemption_nothing_goes() -> None:
    kept, num = records.without_superseded(columns([1, 5, 9], [0, 0, 0]))
    assert (len(kept[STEP]), num) == (3, 0)


@pytest.mark.parametrize("runs", [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
def test_a_wrong_count_supersedes_no_row_below_it(runs: list[float]) -> None:
    kept, num = records.without_superseded(columns([1, 5, 9, 12], runs))
    assert (kept[STEP].tolist(), num) == ([1, 5, 9, 12], 0)


def test_problems_of_a_file_are_told_up_to_a_number_and_counted_after_it() -> None:
    ledger = Ledger()
    ledger.note("a", "an oddity")
    for line in range(250):
        ledger.error("b", "wrong", line)
    ledger.note("c", "another")
    told = [problem for problem in ledger.problems if problem.path == "b"]
    assert len(told) == 101 and told[99].line == 99
    assert (told[100].text, told[100].is_error) == ("150 more problems", True)
    assert [problem.path for problem in ledger.problems][::102] == ["a", "c"]
