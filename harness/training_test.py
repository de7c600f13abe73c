import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import fakes
from harness.fake_trial import BOTH_MET, MISS, FakeTrial
from harness.fakes import SECOND, FakeBackend, Machine
from spec.event_pb2 import TrialEnded
from spec.ruleset_pb2 import Ruleset
from spec.timing_pb2 import Outcome, Segment, TimingProtocol


def test_order_of_events_and_their_times(tmp_path: Path) -> None:
    """Steps of 1 s, evaluations of 3 x 2 s, due every 30 s of wall time: after steps 1 and 31."""
    machine = Machine()
    run = FakeTrial(tmp_path, machine, FakeBackend(machine, [MISS, BOTH_MET], evaluation_sec=2))
    assert [e.WhichOneof("event") for e in run.events] == [
        "trial_started",
        "trial_started",
        "evaluation",
        "evaluation",
        "trial_ended",
    ]
    assert run.events[1].trial_started.global_batch_size == 4
    first, second = run.evaluations
    assert (first.evaluation.global_step, second.evaluation.global_step) == (1, 31)
    assert (first.clock.timed_sec, first.clock.evaluation_sec) == (1, 6)
    assert (second.clock.timed_sec, second.clock.evaluation_sec, second.clock.total_sec) == (
        31,
        12,
        43,
    )
    assert dict(second.evaluation.metrics) == {
        "train/loss": 0.25,
        "validation/loss": 0.4,
        "validation/num_examples": 5,
        "test/loss": 0.5,
        "test/num_examples": 6,
    }
    assert second.evaluation.validation_target_met
    assert second.evaluation.test_target_met
    assert run.ended == TrialEnded(
        outcome=Outcome.TARGET_REACHED,
        message="validation loss met its target",
        time_to_target_sec=31,
        global_step=31,
    )


def test_a_trial_waits_for_the_test_target(tmp_path: Path) -> None:
    machine = Machine()
    script = [MISS, (0.4, 1.0), (1.0, 0.5)]  # met at different evaluations
    run = FakeTrial(tmp_path, machine, FakeBackend(machine, script))
    assert run.ended.outcome == Outcome.TARGET_REACHED
    assert run.ended.time_to_target_sec == 31
    assert run.ended.global_step == 61


def test_no_step_begins_on_an_empty_budget(tmp_path: Path) -> None:
    machine = Machine()
    run = FakeTrial(tmp_path, machine, FakeBackend(machine))
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED
    assert run.ended.global_step == 100
    assert run.events[-1].clock.timed_sec == 100
    assert [e.evaluation.global_step for e in run.evaluations] == [1, 31, 61, 91]


def test_a_target_met_before_the_budget_ran_out_is_reached(tmp_path: Path) -> None:
    machine = Machine()
    run = FakeTrial(tmp_path, machine, FakeBackend(machine, [MISS, (0.4, 1.0)]))
    assert run.ended.outcome == Outcome.TARGET_REACHED
    assert (run.ended.global_step, run.ended.time_to_target_sec) == (100, 31)


def ruleset(**changes: Any) -> Ruleset:
    result = Ruleset()
    result.CopyFrom(fakes.RULESET)
    result.timing.MergeFrom(TimingProtocol(**changes))
    return result


def test_the_official_v06_runner_overshoots(tmp_path: Path) -> None:
    machine = Machine()
    lazy = ruleset(budget_check=TimingProtocol.WHEN_EVALUATION_DUE)
    run = FakeTrial(tmp_path, machine, FakeBackend(machine), ruleset=lazy)
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED
    assert run.ended.global_step == 121  # the step after which an evaluation is due again
    assert [e.evaluation.global_step for e in run.evaluations] == [1, 31, 61, 91]


def test_the_v05_runner_gives_an_evaluation_away(tmp_path: Path) -> None:
    machine = Machine()
    generous = ruleset(evaluate_past_budget=True)
    run = FakeTrial(tmp_path, machine, FakeBackend(machine), ruleset=generous, step_sec=33.5)
    assert [e.clock.timed_sec for e in run.evaluations] == [33.5, 67, 100.5]
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED


def test_step_limit(tmp_path: Path) -> None:
    machine = Machine()
    run = FakeTrial(tmp_path, machine, FakeBackend(machine), max_steps=7)
    assert run.ended.outcome == Outcome.STEP_LIMIT
    assert [e.evaluation.global_step for e in run.evaluations] == [1, 7]


def test_prepare_for_eval_is_timed_and_may_exhaust_the_budget(tmp_path: Path) -> None:
    machine = Machine()

    def prepare_for_eval(
        *, optimizer_state: Any, current_param_container: Any, model_state: Any, **_: Any
    ) -> Any:
        machine.enqueue(50 * SECOND)
        return optimizer_state, current_param_container, model_state

    run = FakeTrial(tmp_path, machine, FakeBackend(machine), {"prepare_for_eval": prepare_for_eval})
    assert [e.clock.timed_sec for e in run.evaluations] == [51]
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED
    assert run.ended.global_step == 31
    assert run.clock.state()["PREPARE_FOR_EVAL"] == 2 * 50 * SECOND


def test_prepare_for_eval_does_not_exist_in_v05(tmp_path: Path) -> None:
    old = Ruleset()
    old.CopyFrom(fakes.RULESET)
    old.timing.timed[:] = [Segment.STEP]
    machine = Machine()

    def not_to_be_called(**arguments: Any) -> None:
        raise AssertionError

    changes = {"prepare_for_eval": not_to_be_called}
    run = FakeTrial(tmp_path, machine, FakeBackend(machine), changes, ruleset=old)
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED
    assert any("prepare_for_eval is not called" in e.remark.message for e in run.events)


def test_what_a_submission_is_given(tmp_path: Path) -> None:
    machine = Machine()
    functions = fakes.functions(machine)
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def spied(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(
                (name, args, {**kwargs, "eval_results": list(kwargs.get("eval_results", []))})
            )
            return function(*args, **kwargs)

        return call

    def update_params(*, train_state: Any, **arguments: Any) -> Any:
        with pytest.raises(TypeError):
            train_state["accumulated_submission_time"] = 0
        assert train_state["accumulated_submission_time"] == arguments["global_step"]
        assert train_state["is_time_remaining"]
        return functions["update_params"](**arguments)

    def prepare_for_eval(
        *, optimizer_state: Any, current_param_container: Any, model_state: Any, **_: Any
    ) -> Any:
        return optimizer_state, current_param_container, model_state

    functions |= {"prepare_for_eval": prepare_for_eval}
    changes = {name: spied(name, function) for name, function in functions.items()}
    changes["update_params"] = spied("update_params", update_params)
    setattr(changes["update_params"], "__signature__", inspect.signature(update_params))  # noqa: B010
    backend = FakeBackend(machine)
    FakeTrial(tmp_path, machine, backend, changes, max_steps=2)

    names = [name for name, _, _ in calls]
    step = ["data_selection", "update_params", "prepare_for_eval"]
    assert names == ["get_batch_size", "init_optimizer_state", *step, *step]
    assert calls[0][1] == ("fake",)
    assert len(calls[1][1]) == 5
    assert calls[1][1][3] == "points"
    assert len(calls[2][1]) == 8
    assert [calls[i][1][6] for i in (2, 5)] == [0, 1]  # global_step of data_selection
    first, second = calls[3][2], calls[6][2]
    assert first["eval_results"] == []
    ((evaluated_step, metrics),) = second["eval_results"]
    assert evaluated_step == 1
    assert metrics["validation/loss"] == 1.0
    assert metrics["score"] == metrics["accumulated_submission_time"] == 1.0
    states = [tuple(call[2]["rng"]) for call in calls if "rng" in call[2]]
    assert len(set(states)) == len(states) == 4  # of two updates and two preparations


def test_what_a_submission_does_to_its_evaluations_changes_nothing(tmp_path: Path) -> None:
    machine = Machine()
    update = fakes.functions(machine)["update_params"]
    seen: dict[int, list[tuple[int, bool]]] = {}

    def update_params(*, eval_results: Any, global_step: int, **arguments: Any) -> Any:
        if global_step in (0, 1, 31):  # the first step, and those after an evaluation
            seen[global_step] = [
                (step, "validation/loss" in values) for step, values in eval_results
            ]
        for _, metrics in eval_results[:1]:
            metrics.clear()
        eval_results += [(global_step + 1, {}), 5]
        return update(**arguments)

    run = FakeTrial(tmp_path, machine, FakeBackend(machine), {"update_params": update_params})
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED
    assert run.ended.global_step == 100
    assert [e.evaluation.global_step for e in run.evaluations] == [1, 31, 61, 91]
    assert seen == {0: [], 1: [(1, True)], 31: [(1, True), (31, True)]}


def test_scalars_are_written_before_the_evaluation_that_follows(tmp_path: Path) -> None:
    machine = Machine()
    update = fakes.functions(machine)["update_params"]

    def update_params(*, workload: Any, global_step: int, **arguments: Any) -> Any:
        workload.metrics_logger.append_scalar_metrics({"loss": global_step / 2}, global_step)
        return update(workload=workload, global_step=global_step, **arguments)

    run = FakeTrial(
        tmp_path, machine, FakeBackend(machine), {"update_params": update_params}, max_steps=3
    )
    kinds = [e.WhichOneof("event") for e in run.events[2:]]
    assert kinds == [
        "scalar_metrics",
        "evaluation",
        "scalar_metrics",
        "scalar_metrics",
        "evaluation",
        "trial_ended",
    ]


@given(
    script=st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), min_size=1, max_size=5),
    step_sec=st.floats(0.5, 40),
    evaluation_sec=st.floats(0, 40),
    check=st.sampled_from(TimingProtocol.BudgetCheck.values()),
    past=st.booleans(),
)
def test_time_is_accounted_for_in_any_trial(
    tmp_path_factory: pytest.TempPathFactory,
    script: list[tuple[float, float]],
    step_sec: float,
    evaluation_sec: float,
    check: TimingProtocol.BudgetCheck,
    past: bool,
) -> None:
    machine = Machine()
    backend = FakeBackend(machine, script, evaluation_sec)
    rules = ruleset(budget_check=check, evaluate_past_budget=past)
    run = FakeTrial(
        tmp_path_factory.mktemp("run"), machine, backend, ruleset=rules, step_sec=step_sec
    )
    clocks = [e.clock for e in run.events]
    for clock in clocks:
        assert clock.timed_sec == pytest.approx(clock.step * int(step_sec * SECOND) / 1e9)
        parts = clock.timed_sec + clock.evaluation_sec + clock.record_sec + clock.set_up_sec
        assert clock.total_sec == pytest.approx(parts)
    assert clocks[-1].total_sec == pytest.approx(machine.time / 1e9)
    assert [c.total_sec for c in clocks] == sorted(c.total_sec for c in clocks)
    if check == TimingProtocol.EVERY_STEP:  # no step begins on an empty budget
        assert clocks[-1].timed_sec - step_sec < run.trial.budget_sec
    if not past:
        assert all(e.clock.timed_sec < run.trial.budget_sec for e in run.evaluations)


def test_the_barrier_is_given_everything_that_a_submission_returned(tmp_path: Path) -> None:
    machine = Machine()
    backend = FakeBackend(machine, [MISS, BOTH_MET])
    waited: list[tuple[Any, ...]] = []
    backend.synchronize = lambda *results: waited.append(results)  # type: ignore[method-assign]
    state = {"state": 0}

    def update_params(*, current_param_container: Any, **others: Any) -> Any:
        machine.compute(SECOND)
        return "optimizer", current_param_container, state

    FakeTrial(tmp_path, machine, backend, {"update_params": update_params})
    set_up, first_step, evaluation = waited[0], waited[1], waited[2]
    assert set_up[1:] == (None, {"count": 0})
    for barrier in (first_step, evaluation):
        assert set(barrier[0]) == {"weight"}
        assert barrier[1:] == (state, "optimizer")


def test_random_states_differ_between_purposes_and_steps(tmp_path: Path) -> None:
    machine = Machine()
    backend = FakeBackend(machine, [MISS])
    seen: list[bytes] = []
    usual = backend.rng
    backend.rng = lambda words: seen.append(words.tobytes()) or usual(words)  # type: ignore
    FakeTrial(tmp_path, machine, backend, max_steps=3)
    # Set-up: two; a step: data and update; an evaluation (after steps 1 and 3): one.
    assert len(seen) == 2 + 3 * 2 + 2
    assert len(set(seen)) == len(seen)


def test_the_training_state_is_up_to_date_in_every_step(tmp_path: Path) -> None:
    machine = Machine()
    seen: list[float] = []

    def update_params(
        *, current_param_container: Any, model_state: Any, train_state: Any, **others: Any
    ) -> Any:
        machine.compute(SECOND)
        seen.append(train_state["accumulated_submission_time"])
        return 0, current_param_container, model_state

    FakeTrial(
        tmp_path, machine, FakeBackend(machine), {"update_params": update_params}, max_steps=4
    )
    assert seen == [0, 1, 2, 3]
