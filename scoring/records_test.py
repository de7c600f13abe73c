import dataclasses

import numpy as np
import pytest

from scoring import records
from scoring.records import PREEMPTION, STEP, TIME, Facts, Ledger
from scoring.testing import make_trial


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


def test_copies_are_left_out_and_the_richer_one_stays() -> None:
    poor = make_trial([0.2, 0.1])
    rich = dataclasses.replace(poor, origin="z", facts=Facts(seed=1, hardware="8x V100"))
    merged = records.merge(Ledger([poor, rich]))
    assert merged.trials == [rich]
    assert "left out" in merged.problems[0].text and not merged.problems[0].is_error


def test_different_logs_of_one_trial_both_stay_and_are_named() -> None:
    first = make_trial([0.2, 0.1])
    again = dataclasses.replace(make_trial([0.2, 0.1], [90.0, 180.0]), origin="again")
    merged = records.merge(Ledger([again, first]))
    assert len(merged.trials) == 2
    assert "another log of the same trial" in merged.problems[0].text


def test_a_log_with_other_metrics_at_the_same_times_is_no_copy() -> None:
    first, again = make_trial([0.2, 0.1]), make_trial([0.2, 0.3])
    merged = records.merge(Ledger([first, dataclasses.replace(again, origin="again")]))
    assert len(merged.trials) == 2
    diverged = [make_trial([0.2, np.nan]), make_trial([0.2, np.nan])]
    assert len(records.merge(Ledger(diverged)).trials) == 1


def test_order_of_trials_does_not_matter() -> None:
    trials = [make_trial([0.2], study=s, trial=t) for s in (2, 10) for t in (1, 2)]
    merged = [records.merge(Ledger(order)).trials for order in (trials, trials[::-1])]
    assert merged[0] == merged[1] == trials


def test_two_frameworks_on_one_workload_are_two_submissions() -> None:
    trials = [make_trial([0.2, 0.1], framework=name) for name in ("jax", "pytorch")]
    trials.append(make_trial([0.7], workload="fastmri", framework="jax"))
    merged = records.merge(Ledger(trials))
    assert {t.submission for t in merged.trials} == {"adamw [jax]", "adamw [pytorch]"}
    assert [t.submission for t in merged.trials if t.workload == "fastmri"] == ["adamw [jax]"]


def test_one_evaluation_under_another_framework_renames_nobody() -> None:
    trials = [make_trial([0.2, 0.1], framework="jax"), make_trial([0.2], framework="pytorch")]
    merged = records.merge(Ledger(trials))
    assert {t.submission for t in merged.trials} == {"adamw"} and len(merged.trials) == 2


def test_an_empty_folder_of_the_other_framework_splits_nothing() -> None:
    trials = [make_trial([0.2], framework="jax"), make_trial([], framework="pytorch")]
    assert {t.submission for t in records.merge(Ledger(trials)).trials} == {"adamw"}


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
