import dataclasses
import math

import numpy as np
import pytest

from scoring import times
from scoring.outcomes import CRASHES, Ending, outcome
from scoring.records import STEP, Facts, Trial
from scoring.testing import make_trial, rules_v05
from spec import timing_pb2

CRITEO = rules_v05().workloads["criteo1tb"]  # loss at most 0.123735 within 7703 s
nan = math.nan


def ending(trial: Trial) -> tuple[Ending, str]:
    result = outcome(trial, CRITEO, times.first_hit(trial, CRITEO))
    return result.ending, result.evidence


@pytest.mark.parametrize(
    ("values", "at", "facts", "expected", "evidence"),
    [
        ([0.2, 0.1, nan], [1, 2, 3], Facts(), Ending.TARGET_REACHED, "0.1 at 2.0 s"),
        ([], [], Facts(final_step=10666), Ending.NO_EVALUATION, "step 10666"),
        ([], [], Facts(), Ending.NO_EVALUATION, "no evaluation in the log"),
        ([0.2, nan, nan], [1, 2, 3], Facts(), Ending.DIVERGED, "from evaluation 2 of 3"),
        ([nan], [1], Facts(), Ending.DIVERGED, "from evaluation 1 of 1"),
        ([0.2, nan, 0.2], [1, 2, 8000], Facts(), Ending.BUDGET_EXHAUSTED, "8000 s of a budget"),
        ([0.2], [1], Facts(final_time_sec=7800.0), Ending.BUDGET_EXHAUSTED, "7800 s"),
        ([0.2, 0.1], [1, 7750], Facts(), Ending.BUDGET_EXHAUSTED, "7750 s"),
        ([0.2, 0.2], [1, 7750], Facts(final_time_sec=9.0), Ending.BUDGET_EXHAUSTED, "7750 s"),
        ([0.2, 0.2], [1, 9], Facts(step_limit=11), Ending.STEP_LIMIT, "step 11 of 11"),
        ([0.2, 0.2], [1, 9], Facts(step_limit=11, final_step=1), Ending.STEP_LIMIT, "step 11"),
        ([0.2], [20], Facts(), Ending.ENDED_AFTER_FIRST_EVALUATION, "20 s of a budget"),
        ([0.2, 0.2], [20, 140], Facts(), Ending.ENDED_EARLY, "140 s of a budget"),
        ([0.2] * 3, [20, 3800, 7580], Facts(), Ending.BUDGET_EXHAUSTED, "at the last evaluation"),
        ([0.2, 0.2], [2, 9], Facts(loop_ended=True), Ending.COMPLETED_BY_SUBMISSION, "by itself"),
        ([0.2, 0.2], [20, 140], Facts(loop_ended=False), Ending.ENDED_EARLY, "nothing after it"),
        ([0.2, 0.2], [2, 9], Facts(final_time_sec=15.0), Ending.COMPLETED_BY_SUBMISSION, "15 s"),
    ],
)  # fmt: skip
def test_endings_of_official_logs_are_inferred(
    values: list[float], at: list[float], facts: Facts, expected: Ending, evidence: str
) -> None:
    found, why = ending(make_trial(values, at, facts=facts))
    assert found is expected
    assert evidence in why


@pytest.mark.parametrize(("last", "expected"), [(10600, "step limit"), (9000, "ended early")])
def test_where_a_log_says_nothing_the_rules_tell_the_step_limit(last: int, expected: str) -> None:
    """The limit is 10666 steps. In the log of a trial that had none, step 10600 is no end."""
    trial = make_trial([0.2] * 3, [20, 140, 260])
    steps = np.array([last - 200.0, last - 100, last])
    trial = dataclasses.replace(trial, columns={**trial.columns, STEP: steps})
    assert ending(trial)[0].value == expected
    trial = dataclasses.replace(trial, facts=Facts(loop_ended=False))
    assert ending(trial)[0] is Ending.ENDED_EARLY


def test_a_useless_but_finite_metric_does_not_hide_divergence() -> None:
    rules = rules_v05().workloads["wmt"]
    trial = make_trial([0.0, 0.0], workload="wmt", metric="validation/bleu")
    loss = make_trial([9.0, nan]).columns["validation/loss"]
    trial = dataclasses.replace(trial, columns={**trial.columns, "validation/loss": loss})
    result = outcome(trial, rules, times.first_hit(trial, rules))
    assert result.ending is Ending.DIVERGED and "validation/loss" in result.evidence


def test_every_recorded_outcome_has_its_ending() -> None:
    recorded = timing_pb2.Outcome.keys()[1:]
    assert set(recorded) <= set(Ending.__members__)
    for name in recorded:
        if name == "TARGET_REACHED":
            continue
        trial = make_trial([0.2], facts=Facts(ended=name, message="said so", loop_ended=True))
        result = outcome(trial, CRITEO, times.MISS)
        assert (result.ending, result.evidence, result.inferred) == (Ending[name], "said so", False)


def test_a_trial_that_broke_after_its_target_has_reached_it() -> None:
    trial = make_trial([0.1], facts=Facts(ended="OUT_OF_MEMORY"))
    assert ending(trial)[0] is Ending.TARGET_REACHED


def test_a_recorded_target_that_does_not_count_here_is_not_taken_over() -> None:
    trial = make_trial([0.2], [9000], facts=Facts(ended="TARGET_REACHED", loop_ended=True))
    assert ending(trial)[0] is Ending.BUDGET_EXHAUSTED


def test_a_log_of_ours_without_an_end_was_interrupted() -> None:
    trial = make_trial(
        [0.2, 0.2], facts=Facts(loop_ended=False, message="the log ends after event 9")
    )
    found, why = ending(trial)
    assert found is Ending.INTERRUPTED and "event 9" in why


def test_without_rules_nothing_is_claimed() -> None:
    result = outcome(make_trial([0.2]), None, times.MISS)
    assert result.ending is Ending.UNKNOWN_WORKLOAD and not result.crashed


def test_crashes_are_what_neither_reached_nor_used_up() -> None:
    assert Ending.TARGET_REACHED not in CRASHES and Ending.BUDGET_EXHAUSTED not in CRASHES
    assert Ending.DIVERGED not in CRASHES
    assert {Ending.NO_EVALUATION, Ending.OUT_OF_MEMORY, Ending.INTERRUPTED} <= CRASHES
