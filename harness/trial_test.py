import inspect
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import fakes, protocol
from harness.clock import Clock
from harness.errors import LogError
from harness.events import EventLog, read_log
from harness.fakes import SECOND, FakeBackend, Machine
from harness.interruption import Interruption
from harness.submission import Submission
from harness.training import Experiment
from harness.trial import run_trial
from spec.event_pb2 import Event, TrialEnded, TrialStarted
from spec.interface import TrainingCompleteError
from spec.ruleset_pb2 import Ruleset
from spec.timing_pb2 import Outcome, Segment, TimingProtocol

RULES = fakes.WORKLOAD.rules["v0.6"]
MISS = (1.0, 1.0)
BOTH_MET = (0.4, 0.5)


class Run:
    """One trial of fakes, and what became of it."""

    def __init__(
        self,
        path: Path,
        machine: Machine,
        backend: FakeBackend,
        changes: dict[str, Callable[..., Any]] | None = None,
        ruleset: Ruleset = fakes.RULESET,
        max_steps: int = 0,
        step_sec: float = 1.0,
        interruption: Interruption | None = None,
    ):
        functions = fakes.functions(machine, step_sec) | (changes or {})
        self.trial = TrialStarted(
            workload=fakes.WORKLOAD,
            ruleset=ruleset,
            seed=3,
            trial=1,
            budget_sec=protocol.budget_sec(ruleset, RULES),
            step_limit=protocol.step_limit(ruleset, RULES, max_steps),
        )

        def set_up(trial: TrialStarted) -> Experiment:
            submission = Submission(functions)
            trial.global_batch_size = submission.batch_size(trial.workload, backend.num_devices)
            return Experiment(
                backend, submission, "points", fakes.train_batches, fakes.eval_batches
            )

        self.clock = Clock(ruleset.timing.timed, now=machine.now)
        self.log = EventLog(path / "events.jsonl", self.clock)
        self.log.append(trial_started=self.trial)
        self.ended: TrialEnded = run_trial(
            self.trial, set_up, self.clock, self.log, interruption or Interruption()
        )
        self.events: list[Event] = read_log(self.log.path).events
        self.evaluations = [e for e in self.events if e.HasField("evaluation")]
        assert self.events[-1].trial_ended == self.ended
        assert [e.HasField("trial_ended") for e in self.events].count(True) == 1


def test_order_of_events_and_their_times(tmp_path: Path) -> None:
    """Steps of 1 s, evaluations of 3 x 2 s, due every 30 s of wall time: after steps 1 and 31."""
    machine = Machine()
    run = Run(tmp_path, machine, FakeBackend(machine, [MISS, BOTH_MET], evaluation_sec=2))
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
    run = Run(tmp_path, machine, FakeBackend(machine, script))
    assert run.ended.outcome == Outcome.TARGET_REACHED
    assert run.ended.time_to_target_sec == 31
    assert run.ended.global_step == 61


def test_no_step_begins_on_an_empty_budget(tmp_path: Path) -> None:
    machine = Machine()
    run = Run(tmp_path, machine, FakeBackend(machine))
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED
    assert run.ended.global_step == 100
    assert run.events[-1].clock.timed_sec == 100
    assert [e.evaluation.global_step for e in run.evaluations] == [1, 31, 61, 91]


def test_a_target_met_before_the_budget_ran_out_is_reached(tmp_path: Path) -> None:
    machine = Machine()
    run = Run(tmp_path, machine, FakeBackend(machine, [MISS, (0.4, 1.0)]))
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
    run = Run(tmp_path, machine, FakeBackend(machine), ruleset=lazy)
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED
    assert run.ended.global_step == 121  # the step after which an evaluation is due again
    assert [e.evaluation.global_step for e in run.evaluations] == [1, 31, 61, 91]


def test_the_v05_runner_gives_an_evaluation_away(tmp_path: Path) -> None:
    machine = Machine()
    generous = ruleset(evaluate_past_budget=True)
    run = Run(tmp_path, machine, FakeBackend(machine), ruleset=generous, step_sec=33.5)
    assert [e.clock.timed_sec for e in run.evaluations] == [33.5, 67, 100.5]
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED


def test_step_limit(tmp_path: Path) -> None:
    machine = Machine()
    run = Run(tmp_path, machine, FakeBackend(machine), max_steps=7)
    assert run.ended.outcome == Outcome.STEP_LIMIT
    assert [e.evaluation.global_step for e in run.evaluations] == [1, 7]


def test_completion_by_the_submission(tmp_path: Path) -> None:
    machine = Machine()
    update = fakes.functions(machine)["update_params"]

    def update_params(*, global_step: int, **arguments: Any) -> Any:
        if global_step == 4:
            raise TrainingCompleteError
        return update(global_step=global_step, **arguments)

    run = Run(tmp_path, machine, FakeBackend(machine), {"update_params": update_params})
    assert run.ended.outcome == Outcome.COMPLETED_BY_SUBMISSION
    assert [e.evaluation.global_step for e in run.evaluations] == [1, 5]
    assert run.ended.global_step == 5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_divergence_ends_a_trial(tmp_path: Path, value: float) -> None:
    machine = Machine()
    run = Run(tmp_path, machine, FakeBackend(machine, [MISS, (value, 0.1)]))
    assert run.ended.outcome == Outcome.DIVERGED
    assert run.ended.message == "validation loss or another loss on validation is not finite"
    assert run.ended.global_step == 31
    assert not run.ended.HasField("time_to_target_sec")


@pytest.mark.parametrize(
    "log", [({"loss": 1.0}, None), ({"loss": 1.0}, -1), ({"loss": 1.0}, 2**70), (1.0, 3)]
)
def test_logging_what_is_no_step_or_metrics_is_the_submissions_error(
    tmp_path: Path, log: tuple[Any, Any]
) -> None:
    machine = Machine()
    backend = FakeBackend(machine)

    def update_params(**arguments: Any) -> Any:
        backend.workload.metrics_logger.append_scalar_metrics(*log)

    run = Run(tmp_path, machine, backend, {"update_params": update_params})
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR
    assert "append_scalar_metrics" in run.ended.traceback


def test_an_error_whose_text_is_not_utf_8_is_recorded(tmp_path: Path) -> None:
    machine = Machine()
    failing = {"update_params": raising(OSError("no file \udce9"))}
    run = Run(tmp_path, machine, FakeBackend(machine), failing)
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR
    assert r"no file \udce9" in run.ended.message


def raising(error: BaseException) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise error

    return function


def returning(value: Any) -> Callable[..., Any]:
    return lambda *args, **kwargs: value


PARAMS = {"weight": np.zeros(2)}


@pytest.mark.parametrize(
    ("name", "function", "message"),
    [
        ("get_batch_size", raising(ValueError("who?")), "get_batch_size knows no workload fake"),
        ("get_batch_size", raising(KeyError("fake")), "get_batch_size raised KeyError: 'fake'"),
        (
            "get_batch_size",
            returning(3),
            "is 3, expected a positive multiple of 2, the number of devices",
        ),
        ("get_batch_size", returning(4.0), "is 4.0, expected a positive multiple of 2"),
        ("get_batch_size", returning(0), "is 0, expected a positive multiple of 2"),
        (
            "init_optimizer_state",
            raising(TypeError("a\nb")),
            "init_optimizer_state raised TypeError: a b",
        ),
        (
            "data_selection",
            raising(TrainingCompleteError()),
            "data_selection raised TrainingCompleteError",
        ),
        ("update_params", raising(SystemExit(0)), "update_params raised SystemExit: 0"),
        ("update_params", returning(None), "update_params returned a NoneType, expected a tuple"),
        (
            "update_params",
            returning((1, 2)),
            "update_params returned a tuple of 2, expected a tuple",
        ),
        (
            "update_params",
            returning((0, [1], None)),
            "the returned parameters (list) or model state (NoneType) are not as init_model_fn",
        ),
        (
            "update_params",
            returning((0, {}, None)),
            "weight was returned as nothing, expected float64[2]",
        ),
        (
            "update_params",
            returning((0, PARAMS | {"x": np.ones(1)}, None)),
            "expected no such array",
        ),
        (
            "update_params",
            returning((0, {"weight": np.ones(3)}, None)),
            "weight was returned as float64[3], expected float64[2]",
        ),
        (
            "update_params",
            returning((0, {"weight": np.ones(2, np.float32)}, None)),
            "weight was returned as float32[2], expected float64[2]",
        ),
        (
            "update_params",
            raising(type("Own", (BaseException,), {})("mine")),
            "update_params raised Own: mine",
        ),
        (
            "update_params",
            raising(type("Silent", (Exception,), {"__str__": lambda self: 1 / 0})()),
            "update_params raised Silent: Silent that cannot be printed",
        ),
        (
            "prepare_for_eval",
            raising(RuntimeError("no")),
            "prepare_for_eval raised RuntimeError: no",
        ),
        (
            "prepare_for_eval",
            returning([1, 2, 3]),
            "prepare_for_eval returned a list, expected a tuple",
        ),
    ],
)
def test_wrong_submissions(
    tmp_path: Path, name: str, function: Callable[..., Any], message: str
) -> None:
    machine = Machine()
    run = Run(tmp_path, machine, FakeBackend(machine), {name: function})
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR
    assert message in run.ended.message
    assert "\n" not in run.ended.message
    assert "SubmissionError" in run.ended.traceback


def test_out_of_memory_wherever_it_happens(tmp_path: Path) -> None:
    errors = [fakes.DeviceOutOfMemoryError("full"), MemoryError()]
    for number, error in enumerate(errors):
        for name in ("init_optimizer_state", "data_selection", "update_params", "prepare_for_eval"):
            machine = Machine()
            path = tmp_path / f"{number}-{name}"
            path.mkdir()
            run = Run(path, machine, FakeBackend(machine), {name: raising(error)})
            assert run.ended.outcome == Outcome.OUT_OF_MEMORY
        machine = Machine()
        backend = FakeBackend(machine)
        backend.evaluate = raising(error)  # type: ignore[method-assign]
        path = tmp_path / f"{number}-evaluate"
        path.mkdir()
        assert Run(path, machine, backend).ended.outcome == Outcome.OUT_OF_MEMORY


@pytest.mark.parametrize("name", ["place", "evaluate", "synchronize", "rng", "structure"])
def test_everything_else_is_the_harness_fault(tmp_path: Path, name: str) -> None:
    machine = Machine()
    backend = FakeBackend(machine)
    setattr(backend, name, raising(OSError("gone")))
    run = Run(tmp_path, machine, backend)
    assert run.ended.outcome == Outcome.HARNESS_ERROR
    assert "gone" in run.ended.message
    assert "OSError: gone" in run.ended.traceback


def test_a_failure_keeps_what_was_known(tmp_path: Path) -> None:
    machine = Machine()
    update = fakes.functions(machine)["update_params"]

    def update_params(*, workload: Any, global_step: int, **arguments: Any) -> Any:
        workload.metrics_logger.append_scalar_metrics({"loss": 1.5}, global_step)
        if global_step == 40:
            raise RuntimeError("late")
        return update(workload=workload, global_step=global_step, **arguments)

    run = Run(
        tmp_path,
        machine,
        FakeBackend(machine, [MISS, (0.4, 1.0)]),
        {"update_params": update_params},
    )
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR
    assert run.ended.time_to_target_sec == 31
    assert run.ended.global_step == 40
    steps = [e.scalar_metrics.global_step for e in run.events if e.HasField("scalar_metrics")]
    assert steps == list(range(41))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_interrupt_a_trial_after_the_step(tmp_path: Path, number: signal.Signals) -> None:
    machine = Machine()
    update = fakes.functions(machine)["update_params"]

    def update_params(*, global_step: int, **arguments: Any) -> Any:
        if global_step == 2:
            os.kill(os.getpid(), number)
        return update(global_step=global_step, **arguments)

    before = signal.getsignal(number)
    with Interruption() as interruption:
        run = Run(
            tmp_path,
            machine,
            FakeBackend(machine),
            {"update_params": update_params},
            interruption=interruption,
        )
        assert signal.getsignal(number) == before  # a second signal has its usual effect
    assert run.ended.outcome == Outcome.INTERRUPTED
    assert run.ended.message == f"stopped by {number.name}"
    assert run.ended.global_step == 3


def test_signals_interrupt_an_evaluation(tmp_path: Path) -> None:
    machine = Machine()
    backend = FakeBackend(machine)
    evaluate = backend.evaluate

    def evaluate_and_be_told(params: Any, model_state: Any, rng: Any, batches: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(params, model_state, rng, batches)

    backend.evaluate = evaluate_and_be_told  # type: ignore[method-assign]
    with Interruption() as interruption:
        run = Run(tmp_path, machine, backend, interruption=interruption)
    assert run.ended.outcome == Outcome.INTERRUPTED
    assert not run.evaluations


def test_prepare_for_eval_is_timed_and_may_exhaust_the_budget(tmp_path: Path) -> None:
    machine = Machine()

    def prepare_for_eval(
        *, optimizer_state: Any, current_param_container: Any, model_state: Any, **_: Any
    ) -> Any:
        machine.enqueue(50 * SECOND)
        return optimizer_state, current_param_container, model_state

    run = Run(tmp_path, machine, FakeBackend(machine), {"prepare_for_eval": prepare_for_eval})
    assert [e.clock.timed_sec for e in run.evaluations] == [51]
    assert run.ended.outcome == Outcome.BUDGET_EXHAUSTED
    assert run.ended.global_step == 31
    assert run.clock.state()["PREPARE_FOR_EVAL"] == 2 * 50 * SECOND


def test_prepare_for_eval_does_not_exist_in_v05(tmp_path: Path) -> None:
    old = Ruleset()
    old.CopyFrom(fakes.RULESET)
    old.timing.timed[:] = [Segment.STEP]
    machine = Machine()
    changes = {"prepare_for_eval": raising(AssertionError("called"))}
    run = Run(tmp_path, machine, FakeBackend(machine), changes, ruleset=old)
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
    Run(tmp_path, machine, backend, changes, max_steps=2)

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


def test_scalars_are_written_before_the_evaluation_that_follows(tmp_path: Path) -> None:
    machine = Machine()
    update = fakes.functions(machine)["update_params"]

    def update_params(*, workload: Any, global_step: int, **arguments: Any) -> Any:
        workload.metrics_logger.append_scalar_metrics({"loss": global_step / 2}, global_step)
        return update(workload=workload, global_step=global_step, **arguments)

    run = Run(
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


def test_a_full_disk_leaves_a_readable_log(tmp_path: Path) -> None:
    machine = Machine()
    update = fakes.functions(machine)["update_params"]
    full = os.open("/dev/full", os.O_WRONLY)
    run: list[EventLog] = []

    def update_params(*, global_step: int, **arguments: Any) -> Any:
        if global_step == 20:
            os.dup2(full, run[0]._file)
        return update(global_step=global_step, **arguments)

    original = EventLog.__init__

    def remembered(self: EventLog, *args: Any) -> None:
        original(self, *args)
        run.append(self)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(LogError, match="No space left"):
        patch.setattr(EventLog, "__init__", remembered)
        Run(tmp_path, machine, FakeBackend(machine), {"update_params": update_params})
    log = read_log(tmp_path / "events.jsonl")
    assert [e.WhichOneof("event") for e in log.events][-1] == "evaluation"
    assert log.problems == []


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
    run = Run(tmp_path_factory.mktemp("run"), machine, backend, ruleset=rules, step_sec=step_sec)
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


def test_an_error_that_is_its_own_cause_ends_the_trial(tmp_path: Path) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    machine = Machine()
    run = Run(tmp_path, machine, FakeBackend(machine), {"update_params": raising(first)})
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR


def test_what_led_to_an_error_counts_as_well(tmp_path: Path) -> None:
    """An error that is raised while another is handled: the context, not the cause."""

    def update_params(**arguments: Any) -> Any:
        try:
            raise MemoryError
        except MemoryError:
            raise ValueError("clumsy")  # noqa: B904

    machine = Machine()
    run = Run(tmp_path, machine, FakeBackend(machine), {"update_params": update_params})
    assert run.ended.outcome == Outcome.OUT_OF_MEMORY


def test_the_barrier_is_given_everything_that_a_submission_returned(tmp_path: Path) -> None:
    machine = Machine()
    backend = FakeBackend(machine, [MISS, BOTH_MET])
    waited: list[tuple[Any, ...]] = []
    backend.synchronize = lambda *results: waited.append(results)  # type: ignore[method-assign]
    state = {"state": 0}

    def update_params(*, current_param_container: Any, **others: Any) -> Any:
        machine.compute(SECOND)
        return "optimizer", current_param_container, state

    Run(tmp_path, machine, backend, {"update_params": update_params})
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
    Run(tmp_path, machine, backend, max_steps=3)
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

    Run(tmp_path, machine, FakeBackend(machine), {"update_params": update_params}, max_steps=4)
    assert seen == [0, 1, 2, 3]
