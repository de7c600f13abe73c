import dataclasses
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import protocol
from harness.protocol import Standing
from spec.ruleset_pb2 import Ruleset
from spec.timing_pb2 import Outcome, TimingProtocol
from spec.workload_pb2 import Metric, Rules, Workload

EVERY_STEP = TimingProtocol(first_evaluation_step=1, wait_for_test_target=True)
V05 = TimingProtocol(
    first_evaluation_step=1, evaluate_past_budget=True, wait_for_test_target=True
)  # checked every step, but an evaluation that is due is free
OFFICIAL_V06 = TimingProtocol(
    first_evaluation_step=1,
    budget_check=TimingProtocol.WHEN_EVALUATION_DUE,
    target_comparison=TimingProtocol.STRICT,
    wait_for_test_target=True,
)


def test_budget_is_scaled_by_the_ruleset() -> None:
    assert protocol.budget_sec(Ruleset(budget_factor=1.5), Rules(max_runtime_sec=10)) == 15
    assert protocol.budget_sec(Ruleset(budget_factor=1.5), Rules()) == math.inf


@pytest.mark.parametrize(
    ("factor", "max_steps", "expected"),
    [(0, 0, 0), (0, 7, 7), (0.5, 0, 50), (0.5, 7, 7), (0.5, 70, 50)],
)
def test_the_smallest_step_limit_holds(factor: float, max_steps: int, expected: int) -> None:
    ruleset = Ruleset(step_limit_factor=factor)
    assert protocol.step_limit(ruleset, Rules(step_hint=100), max_steps) == expected


@pytest.mark.parametrize(
    ("step", "is_last", "now", "last", "expected"),
    [
        (1, False, 0.1, None, False),  # before the first evaluation step
        (2, False, 0.1, None, True),  # at it
        (3, False, 0.1, None, True),  # after it, if there was none yet
        (3, False, 10.9, 1.0, False),
        (3, False, 11.0, 1.0, True),  # the period is over
        (1, True, 0.1, None, True),  # the last step is always followed by one
        (3, True, 1.1, 1.0, True),
    ],
)
def test_evaluation_due(
    step: int, is_last: bool, now: float, last: float | None, expected: bool
) -> None:
    timing = TimingProtocol(first_evaluation_step=2)
    rules = Rules(eval_period_sec=10)
    assert protocol.evaluation_due(timing, rules, step, is_last, now, last) is expected


@pytest.mark.parametrize(
    ("timing", "timed", "due", "expected"),
    [
        (EVERY_STEP, 9.9, True, False),
        (EVERY_STEP, 10, True, True),  # a budget that is just used up is used up
        (EVERY_STEP, 10, False, True),
        (V05, 10, True, False),  # the evaluation that is due still runs
        (V05, 10, False, True),
        (OFFICIAL_V06, 10, False, False),  # not looked at between evaluations
        (OFFICIAL_V06, 10, True, True),
        (OFFICIAL_V06, 9.9, True, False),
    ],
)
def test_budget(timing: TimingProtocol, timed: float, due: bool, expected: bool) -> None:
    assert protocol.budget_ends_trial(timing, timed, 10, due) is expected


ACCURACY = Workload(target_metric=Metric.ACCURACY)
LOSS = Workload(target_metric=Metric.LOSS)
BOTH = Rules(validation_target=0.5, test_target=0.4)


@pytest.mark.parametrize(
    ("workload", "timing", "validation", "test", "expected"),
    [
        (ACCURACY, EVERY_STEP, 0.5, 0.4, (True, True, True, True)),
        (ACCURACY, OFFICIAL_V06, 0.5, 0.4, (True, False, False, True)),
        (ACCURACY, OFFICIAL_V06, 0.51, 0.39, (True, True, False, True)),
        (LOSS, EVERY_STEP, 0.5, 0.41, (True, True, False, True)),
        (LOSS, EVERY_STEP, math.nan, 0.3, (False, False, True, False)),
        (LOSS, EVERY_STEP, math.inf, 0.3, (False, False, True, False)),
        (LOSS, EVERY_STEP, 0.6, math.nan, (True, False, False, False)),
    ],
)
def test_judge(
    workload: Workload,
    timing: TimingProtocol,
    validation: float,
    test: float,
    expected: tuple[bool, ...],
) -> None:
    name = "accuracy" if workload is ACCURACY else "loss"
    metrics = {f"validation/{name}": validation, f"test/{name}": test}
    assert dataclasses.astuple(protocol.judge(workload, BOTH, timing, metrics)) == expected


@pytest.mark.parametrize("loss", ["loss", "ctc_loss"])
def test_an_accuracy_of_outputs_that_are_not_numbers_is_no_result(loss: str) -> None:
    metrics = {"validation/accuracy": 0.1, f"validation/{loss}": math.nan, "test/accuracy": 0.1}
    assert not protocol.judge(ACCURACY, BOTH, EVERY_STEP, metrics).is_finite
    assert protocol.not_finite(ACCURACY, metrics) == [f"validation/{loss}"]
    metrics |= {f"validation/{loss}": 2.0, f"test/{loss}": math.nan}
    assert protocol.judge(ACCURACY, BOTH, EVERY_STEP, metrics).is_finite


def test_an_absent_test_target_is_met() -> None:
    metrics = {"validation/loss": 1.0}
    judgement = protocol.judge(LOSS, Rules(validation_target=0.5), EVERY_STEP, metrics)
    assert dataclasses.astuple(judgement) == (True, False, True, False)


def test_targets_may_be_met_at_different_evaluations() -> None:
    standing = Standing()
    standing.add(protocol.Judgement(True, True, False, True), 3.0)
    assert protocol.outcome(EVERY_STEP, standing) is None
    standing.add(protocol.Judgement(True, False, True, False), 5.0)
    assert protocol.outcome(EVERY_STEP, standing) == Outcome.TARGET_REACHED
    assert standing.time_to_target_sec == 3.0


def test_without_waiting_the_validation_target_ends_the_trial() -> None:
    standing = Standing(validation_target_met=True)
    assert protocol.outcome(TimingProtocol(), standing) == Outcome.TARGET_REACHED


def test_precedence_of_every_combination() -> None:
    flags = (
        "has_diverged",
        "is_budget_exhausted",
        "is_step_limit_reached",
        "is_completed_by_submission",
    )
    for values in itertools.product([False, True], repeat=6):
        *ends, validation, test = values
        facts = dict(zip(flags, ends, strict=True))
        standing = Standing(validation_target_met=validation, test_target_met=test, **facts)
        diverged, budget, limit, completed = ends
        if diverged:
            expected = Outcome.DIVERGED
        elif validation and (test or budget or limit or completed):
            expected = Outcome.TARGET_REACHED
        elif budget:
            expected = Outcome.BUDGET_EXHAUSTED
        elif limit:
            expected = Outcome.STEP_LIMIT
        elif completed:
            expected = Outcome.COMPLETED_BY_SUBMISSION
        else:
            expected = None
        assert protocol.outcome(EVERY_STEP, standing) == expected, standing


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans())))
def test_facts_never_become_untrue(judgements: list[tuple[bool, bool, bool, bool]]) -> None:
    standing = Standing()
    for number, values in enumerate(judgements):
        before = dataclasses.replace(standing)
        standing.add(protocol.Judgement(*values), float(number))
        for field in ("validation_target_met", "test_target_met", "has_diverged"):
            assert getattr(standing, field) >= getattr(before, field)
        if before.time_to_target_sec is not None:
            assert standing.time_to_target_sec == before.time_to_target_sec
    first = next((n for n, (*_, scores) in enumerate(judgements) if scores), None)
    assert standing.time_to_target_sec == first
