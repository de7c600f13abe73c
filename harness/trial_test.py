import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import fakes
from harness.errors import DataError, Interrupted, LogError
from harness.events import EventLog, read_log
from harness.fake_trial import MISS, FakeTrial
from harness.fakes import FakeBackend, Machine
from harness.interruption import Interruption
from spec.interface import TrainingCompleteError
from spec.timing_pb2 import Outcome

PARAMS = {"weight": np.zeros(2, np.float32)}


def test_completion_by_the_submission(tmp_path: Path) -> None:
    machine = Machine()
    update = fakes.functions(machine)["update_params"]

    def update_params(*, global_step: int, **arguments: Any) -> Any:
        if global_step == 4:
            raise TrainingCompleteError
        return update(global_step=global_step, **arguments)

    run = FakeTrial(tmp_path, machine, FakeBackend(machine), {"update_params": update_params})
    assert run.ended.outcome == Outcome.COMPLETED_BY_SUBMISSION
    assert [e.evaluation.global_step for e in run.evaluations] == [1, 5]
    assert run.ended.global_step == 5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_divergence_ends_a_trial(tmp_path: Path, value: float) -> None:
    machine = Machine()
    run = FakeTrial(tmp_path, machine, FakeBackend(machine, [MISS, (value, 0.1)]))
    assert run.ended.outcome == Outcome.DIVERGED
    assert run.ended.message == "not finite: validation/loss"
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

    run = FakeTrial(tmp_path, machine, backend, {"update_params": update_params})
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR
    assert "append_scalar_metrics" in run.ended.traceback


def test_an_error_whose_text_is_not_utf_8_is_recorded(tmp_path: Path) -> None:
    machine = Machine()
    failing = {"update_params": raising(OSError("no file \udce9"))}
    run = FakeTrial(tmp_path, machine, FakeBackend(machine), failing)
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR
    assert r"no file \udce9" in run.ended.message


def raising(error: BaseException) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise error

    return function


def returning(value: Any) -> Callable[..., Any]:
    return lambda *args, **kwargs: value


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
            "weight was returned as nothing, expected float32[2]",
        ),
        (
            "update_params",
            returning((0, PARAMS | {"x": np.ones(1)}, None)),
            "expected no such array",
        ),
        (
            "update_params",
            returning((0, {"weight": np.ones(3, np.float32)}, None)),
            "weight was returned as float32[3], expected float32[2]",
        ),
        (
            "update_params",
            returning((0, {"weight": np.ones(2, np.float64)}, None)),
            "weight was returned as float64[2], expected float32[2]",
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
        ("update_params", raising(KeyboardInterrupt()), "update_params raised KeyboardInterrupt"),
        ("update_params", raising(Interrupted("x")), "update_params raised Interrupted: x"),
        ("data_selection", raising(DataError("mine")), "data_selection raised DataError: mine"),
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
    run = FakeTrial(tmp_path, machine, FakeBackend(machine), {name: function})
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR
    assert message in run.ended.message
    assert "\n" not in run.ended.message
    assert "SubmissionError" in run.ended.traceback


def test_a_batch_that_is_none_is_named_with_who_made_it(tmp_path: Path) -> None:
    machine = Machine()
    changes = {"data_selection": returning([1]), "update_params": lambda batch, **_: batch["x"]}
    run = FakeTrial(tmp_path, machine, FakeBackend(machine), changes)
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR
    expected = "update_params on the list that data_selection returned raised TypeError: list"
    assert run.ended.message.startswith(expected)


def test_out_of_memory_wherever_it_happens(tmp_path: Path) -> None:
    errors = [fakes.DeviceOutOfMemoryError("full"), MemoryError()]
    for number, error in enumerate(errors):
        for name in ("init_optimizer_state", "data_selection", "update_params", "prepare_for_eval"):
            machine = Machine()
            path = tmp_path / f"{number}-{name}"
            path.mkdir()
            run = FakeTrial(path, machine, FakeBackend(machine), {name: raising(error)})
            assert run.ended.outcome == Outcome.OUT_OF_MEMORY
        machine = Machine()
        backend = FakeBackend(machine)
        backend.evaluate = raising(error)  # type: ignore[method-assign]
        path = tmp_path / f"{number}-evaluate"
        path.mkdir()
        assert FakeTrial(path, machine, backend).ended.outcome == Outcome.OUT_OF_MEMORY


@pytest.mark.parametrize("name", ["place", "evaluate", "synchronize", "rng", "structure"])
def test_everything_else_is_the_harness_fault(tmp_path: Path, name: str) -> None:
    machine = Machine()
    backend = FakeBackend(machine)
    setattr(backend, name, raising(OSError("gone")))
    run = FakeTrial(tmp_path, machine, backend)
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

    run = FakeTrial(
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
        run = FakeTrial(
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


def test_a_second_signal_in_the_submission_interrupts_at_once(tmp_path: Path) -> None:
    machine = Machine()

    def update_params(**arguments: Any) -> Any:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError

    with Interruption() as interruption:
        run = FakeTrial(
            tmp_path,
            machine,
            FakeBackend(machine),
            {"update_params": update_params},
            interruption=interruption,
        )
    assert run.ended.outcome == Outcome.INTERRUPTED
    assert run.ended.message == "stopped by SIGINT"


def test_failing_data_are_the_harness_fault_whatever_the_submission_makes_of_it(
    tmp_path: Path,
) -> None:
    machine = Machine()
    backend = FakeBackend(machine)
    backend.place = raising(OSError("disk"))  # type: ignore[method-assign]

    def data_selection(workload: Any, input_queue: Any, *others: Any) -> Any:
        try:
            return next(input_queue)
        except Exception as error:
            raise RuntimeError("no batch") from error

    run = FakeTrial(tmp_path, machine, backend, {"data_selection": data_selection})
    assert run.ended.outcome == Outcome.HARNESS_ERROR
    assert run.ended.message == "DataError: the training data raised OSError: disk"


def test_signals_interrupt_an_evaluation(tmp_path: Path) -> None:
    machine = Machine()
    backend = FakeBackend(machine)
    evaluate = backend.evaluate

    def evaluate_and_be_told(params: Any, model_state: Any, rng: Any, batches: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(params, model_state, rng, batches)

    backend.evaluate = evaluate_and_be_told  # type: ignore[method-assign]
    with Interruption() as interruption:
        run = FakeTrial(tmp_path, machine, backend, interruption=interruption)
    assert run.ended.outcome == Outcome.INTERRUPTED
    assert not run.evaluations


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
        FakeTrial(tmp_path, machine, FakeBackend(machine), {"update_params": update_params})
    log = read_log(tmp_path / "events.jsonl")
    assert [e.WhichOneof("event") for e in log.events][-1] == "evaluation"
    assert log.problems == []


def test_an_error_that_is_its_own_cause_ends_the_trial(tmp_path: Path) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    machine = Machine()
    run = FakeTrial(tmp_path, machine, FakeBackend(machine), {"update_params": raising(first)})
    assert run.ended.outcome == Outcome.SUBMISSION_ERROR


def test_what_led_to_an_error_counts_as_well(tmp_path: Path) -> None:
    """An error that is raised while another is handled: the context, not the cause."""

    def update_params(**arguments: Any) -> Any:
        try:
            raise MemoryError
        except MemoryError:
            raise ValueError("clumsy")  # noqa: B904

    machine = Machine()
    run = FakeTrial(tmp_path, machine, FakeBackend(machine), {"update_params": update_params})
    assert run.ended.outcome == Outcome.OUT_OF_MEMORY
