"""A submission in its sandbox: what gets across, and every way out that it may try."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness import fakes, isolated_process, run_folder, sandbox, submission
from harness.backend import Batch
from harness.clock import Clock
from harness.events import read_log
from harness.experiment import Experiment
from harness.fakes import FakeBackend, Machine
from harness.interruption import Interruption
from harness.isolated_process import Process
from harness.isolation import isolated
from harness.submission import Source, Submission
from harness.trial import run_trial
from inputs import storage
from spec.event_pb2 import TrialEnded, TrialStarted
from spec.submission_pb2 import Framework
from spec.timing_pb2 import Outcome

pytestmark = pytest.mark.skipif(bool(sandbox.obstacle()), reason=sandbox.obstacle())

NUM_STEPS = 3
SUBMISSION = """
import os
import numpy as np
from spec.interface import TrainingCompleteError

def get_batch_size(workload_name):
    return 4

def init_optimizer_state(*arguments):
    return {"count": 0}

def data_selection(workload, input_queue, *others):
    return next(input_queue)

def update_params(*, workload, current_param_container, current_params_types, model_state,
                  hyperparameters, batch, loss_type, optimizer_state, eval_results, global_step,
                  rng, train_state):
    BODY
    params = {name: value - 1 for name, value in current_param_container.items()}
    return {"count": optimizer_state["count"] + 1}, params, model_state
"""
# How a submission gets at what serves it.
WORKER = """
    import gc
    (worker,) = [o for o in gc.get_objects() if type(o).__name__ == "Worker"]
"""
SOCKET = """
    import socket, struct
    requests, _ = [int(number) for number in open("/proc/self/cmdline").read().split("\\0")[-3:-1]]
    connection = socket.socket(fileno=os.dup(requests))
    def answer(text):
        connection.sendall(struct.pack("<I", len(text)) + text)
"""


class Trial:
    """A trial of a submission whose update_params begins with `body`, isolated or not."""

    def __init__(
        self,
        place: Path,
        body: str = "",
        more: str = "",
        is_isolated: bool = True,
        budget_sec: float = 1000,
        eval_period_sec: float = 0,
        train_batches: Callable[[int], Iterator[Batch]] = fakes.train_batches,
        eval_batches: Callable[[str], Iterable[Batch]] = fakes.eval_batches,
    ):
        place.mkdir(exist_ok=True)
        module = place / "mine.py"
        module.write_text(SUBMISSION.replace("BODY", f"{body}\n    pass") + more)
        source = submission.find(str(module), module, Framework.JAX)
        self.trial = TrialStarted(
            workload=fakes.WORKLOAD,
            ruleset=fakes.RULESET,
            submission=source.manifest,
            framework=Framework.JAX,
            budget_sec=budget_sec,
            step_limit=NUM_STEPS,
        )
        self.trial.workload.rules["v0.6"].eval_period_sec = eval_period_sec
        self.clock = Clock(fakes.RULESET.timing.timed)
        self.folder = place / "run"
        log, lock = run_folder.create(self.folder, self.trial, source, self.clock)

        def parts(
            trial: TrialStarted, load: Callable[[Source], Submission] = submission.load
        ) -> Experiment:
            backend, code = FakeBackend(Machine()), load(source)
            code.batch_size(trial.workload, backend.num_devices)
            return Experiment(backend, code, None, train_batches, eval_batches)

        def run(set_up: Callable[[TrialStarted], Experiment]) -> TrialEnded:
            return run_trial(self.trial, set_up, self.clock, log, Interruption())

        if is_isolated:
            context = isolated(parts, "harness.fake_worker", self.trial, self.clock, self.folder)
            with context as inside:
                self.ended = run(inside)
            assert psutil.Process().children(recursive=True) == []
        else:
            self.ended = run(parts)
        log.close()
        lock.close()
        self.events = read_log(self.folder / "events.jsonl").events

    def told(self) -> list[Any]:
        """What the log says, but for times."""
        kinds = ("scalar_metrics", "evaluation", "trial_ended", "remark")
        events = [e for e in self.events if e.WhichOneof("event") in kinds]
        return [getattr(e, e.WhichOneof("event")) for e in events]

    def fails(self, message: str) -> None:
        assert self.ended.outcome == Outcome.SUBMISSION_ERROR, self.ended
        assert message in self.ended.message


ACROSS = """
    seen = {"batch": batch["targets"][0], "count": optimizer_state["count"]}
    seen |= {"weight": current_param_container["weight"][1], "rng": rng[0], "step": global_step}
    seen |= {"evaluations": len(eval_results), "no_number": "none"}
    if eval_results:
        seen |= {"loss": eval_results[-1][1]["validation/loss"], "evaluated": eval_results[-1][0]}
    seen["is_time_remaining"] = train_state["is_time_remaining"]
    workload.metrics_logger.append_scalar_metrics(seen, global_step)
"""
COMPLETES = "    if global_step == 1: raise TrainingCompleteError"
PREPARES = """
def prepare_for_eval(*, current_param_container, optimizer_state, model_state, rng, eval_results,
                     global_step, **others):
    current_param_container["weight"] -= rng[0] % 7 + len(eval_results) + global_step
    return optimizer_state, current_param_container, model_state
"""


@pytest.mark.parametrize("body", [ACROSS, ACROSS + COMPLETES, "1 / 0", "raise MemoryError('no')"])
def test_all_that_a_submission_sees_and_does_is_as_without_a_sandbox(
    tmp_path: Path, body: str
) -> None:
    ways = [Trial(tmp_path / str(way), body, PREPARES, is_isolated=way) for way in (True, False)]
    inside, outside = ([str(told) for told in way.told()] for way in ways)
    for way in ways:
        way.ended.traceback = ""
    assert ways[0].ended == ways[1].ended
    assert inside[:-1] == outside[:-1]


def test_parameters_come_over_while_the_clock_runs_and_nothing_computes_while_they_are_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []
    deadline = time.monotonic() + 60
    ask = Process.ask_arrays

    def noted(process: Process, name: str, *arguments: Any, **named: Any) -> Any:
        asked.append((name, process._clock.is_timed))
        return ask(process, name, *arguments, **named)

    def eval_batches(split: str) -> Iterator[Batch]:
        inside = psutil.Process().children(recursive=True)[1:]  # the first only waits for the rest
        while {p.status() for p in inside} != {psutil.STATUS_STOPPED}:  # when they are scheduled
            assert time.monotonic() < deadline
        yield from fakes.eval_batches(split)

    monkeypatch.setattr(Process, "ask_arrays", noted)
    trial = Trial(tmp_path, eval_batches=eval_batches, eval_period_sec=1000)
    assert trial.ended.outcome == Outcome.STEP_LIMIT, trial.ended
    timed = [name for name, is_timed in asked if is_timed]
    assert timed == ["step", "hand_over", "step", "step", "hand_over"]
    assert ("hand_over", False) not in asked


def test_a_submission_reaches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "validation").write_text("secret")
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path / "data"))
    monkeypatch.setenv("MY_TOKEN", "secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        body = f"""
    import pathlib, socket
    run = pathlib.Path({str(tmp_path / "run")!r})
    for hidden in (run, run / "events.jsonl", {str(tmp_path / "data" / "validation")!r},
                   {str(Path.home())!r} + "/.ssh", {str(tmp_path / "mine.py")!r}):
        assert not pathlib.Path(hidden).exists(), hidden
    for place in (__file__, np.__file__, os.__file__, "/own", "/dev/own", "/etc/own"):
        try:
            open(place, "a")
        except OSError as error:
            assert "Read-only" in str(error), (place, error)
        else:
            raise AssertionError(place)
    try:
        socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), timeout=5)
    except OSError:
        pass
    else:
        raise AssertionError("network")
    try:
        os.kill({os.getpid()}, 0)
    except ProcessLookupError:
        pass
    else:
        raise AssertionError("processes")
    assert "MY_TOKEN" not in os.environ
    assert b"MY_TOKEN" not in open("/proc/1/environ", "rb").read()
    open("/tmp/own", "w").write("temporary")
    print("went through")
"""
        trial = Trial(tmp_path, body)
    assert trial.ended.outcome == Outcome.STEP_LIMIT, trial.ended
    assert "went through" in (trial.folder / isolated_process.OUTPUT).read_text()


def test_what_a_submission_starts_ends_with_it(tmp_path: Path) -> None:
    body = f"""
    if os.fork() == 0:
        os.setsid()
        os.execv({sys.executable!r}, ["python", "-c", "import time; time.sleep(10000)  # outlives"])
"""
    assert Trial(tmp_path, body).ended.outcome == Outcome.STEP_LIMIT
    running = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    assert not [command for command in running if "# outlives" in command]


def test_memory_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 2**30
    monkeypatch.setattr(isolated_process, "MEMORY_SHARE", limit / psutil.virtual_memory().total)
    trial = Trial(tmp_path, f"bytearray({limit})")
    assert trial.ended.outcome == Outcome.OUT_OF_MEMORY, trial.ended


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("os._exit(7)", "the submission's process ended with status 7, see output.txt, in step"),
        ("os.kill(os.getpid(), 9)", "perhaps because the host had no memory left"),
        (SOCKET + "    answer(b'garbage')", "answered step with no message"),
        (SOCKET + "    connection.sendall(b'\\xff' * 9)", "a text of 4294967295 bytes"),
        (
            SOCKET
            + '    answer(b\'{"content": {}, "arrays": [["a", "int8", [281474976710655]]]}\')',
            "arrays of 281474976710655 bytes",
        ),
        (SOCKET + '    answer(b\'{"content": 3, "arrays": []}\')', "neither result nor error"),
        (
            SOCKET + '    answer(b\'{"content": {"result": {"num_taken": 99}}, "arrays": []}\')',
            "took 99 batches, expected 0 to",
        ),
        (  # an answer too early: the one to this step is then taken for the parameters
            SOCKET + '    answer(b\'{"content": {"result": {"num_taken": 0}}, "arrays": []}\')',
            "params.weight came as nothing, expected float32[2]",
        ),
        (
            WORKER
            + '    worker.hand_over = lambda: (0, {"params.weight": np.ones(3, np.float32)})',
            "params.weight came as float32[3], expected float32[2]",
        ),
        (
            WORKER + '    worker.hand_over = lambda: (0, {"params.weight": np.ones(2)})',
            "params.weight came as float64[2], expected float32[2]",
        ),
    ],
)
def test_answers_are_not_trusted(tmp_path: Path, body: str, message: str) -> None:
    Trial(tmp_path, body).fails(message)


@pytest.mark.parametrize(
    ("body", "more", "limit", "message"),
    [
        ("while True: pass", "", "GRACE_SEC", "step did not end within its budget and 0.5 seconds"),
        ("", "while True: pass", "UNTIMED_SEC", "load did not end within the limit of 0.5 seconds"),
    ],
)
def test_a_process_that_does_not_answer_is_ended(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    more: str,
    limit: str,
    message: str,
) -> None:
    monkeypatch.setattr(isolated_process, limit, 0.5)
    Trial(tmp_path, body, more, budget_sec=0.5).fails(message)


def test_data_that_fail_are_not_the_submissions_fault(tmp_path: Path) -> None:
    def train_batches(start: int) -> Iterator[Batch]:
        yield next(fakes.train_batches(start))
        raise OSError("disk")

    ended = Trial(tmp_path, train_batches=train_batches).ended
    assert ended.outcome == Outcome.HARNESS_ERROR
    assert ended.message == "DataError: the training data raised OSError: disk"
    assert ended.global_step == 1


def test_a_signal_to_the_terminals_processes_does_not_reach_it(tmp_path: Path) -> None:
    def eval_batches(split: str) -> Iterator[Batch]:
        (process,) = psutil.Process().children()
        assert os.getpgid(process.pid) != os.getpgid(0)
        yield from fakes.eval_batches(split)

    assert Trial(tmp_path, eval_batches=eval_batches).ended.outcome == Outcome.STEP_LIMIT
