"""Trials of fakes that are killed anywhere, resumed, and held against one that was left alone."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import checkpoint, fakes, protocol, resuming
from harness.checkpoint import Keeper
from harness.clock import Clock
from harness.errors import UsageError
from harness.events import EventLog, read_log
from harness.experiment import Experiment
from harness.fakes import SECOND, FakeBackend, Machine
from harness.interruption import Interruption
from harness.lock import RunLock
from harness.submission import Submission
from harness.trial import run_trial
from spec import timeline
from spec.event_pb2 import Event, TrialStarted
from spec.timing_pb2 import Outcome

NUM_STEPS = 9


class Killed(BaseException):
    """Stands for SIGKILL: nothing that the process does afterwards reaches the disk."""


class Fate:
    """Counts the moments at which a process can be killed, and kills it at one of them."""

    def __init__(self, moment: int | None = None, signal_at: int | None = None):
        self.moment = moment
        self.count = 0
        self.is_dead = False

    def strike(self) -> None:
        if self.is_dead:
            raise Killed
        self.count += 1
        if self.count == self.moment:
            self.is_dead = True
            raise Killed


class LossBackend(FakeBackend):
    """Its losses follow from the parameters."""

    def evaluate(
        self, params: Any, model_state: Any, rng: Any, batches: Iterable[Any]
    ) -> Mapping[str, float]:
        metrics = dict(super().evaluate(params, model_state, rng, batches))
        return metrics | {"loss": 100.0 + float(params["weight"][0])}


def functions(machine: Machine, step_sec: float) -> dict[str, Callable[..., Any]]:
    """Weights depend on the batches, on the state and on what was seen of the evaluations; two
    batches are taken in every third step.
    """

    def data_selection(workload: Any, queue: Any, state: Any, *others: Any) -> Any:
        taken = [next(queue) for _ in range(2 if state["count"] % 3 == 0 else 1)]
        return sum(float(batch["targets"][0]) for batch in taken)

    def update_params(
        *,
        workload: Any,
        current_param_container: Any,
        model_state: Any,
        optimizer_state: Any,
        batch: float,
        eval_results: Any,
        global_step: int,
        **others: Any,
    ) -> Any:
        machine.enqueue(int(step_sec * SECOND))
        count = optimizer_state["count"] + 1
        change = batch / count + len(eval_results)
        workload.metrics_logger.append_scalar_metrics({"change": change}, global_step)
        params = {name: value - change for name, value in current_param_container.items()}
        return {"count": count}, params, model_state

    def prepare_for_eval(
        *, current_param_container: Any, model_state: Any, optimizer_state: Any, **others: Any
    ) -> Any:
        machine.enqueue(SECOND // 8)
        params = {name: value + 0.5 for name, value in current_param_container.items()}
        return optimizer_state, params, model_state

    usual = fakes.functions(machine, step_sec)
    own = (data_selection, update_params, prepare_for_eval)
    return usual | {function.__name__: function for function in own}


def trial() -> TrialStarted:
    return TrialStarted(
        workload=fakes.WORKLOAD,
        ruleset=fakes.RULESET,
        seed=3,
        trial=1,
        budget_sec=protocol.budget_sec(fakes.RULESET, fakes.WORKLOAD.rules["v0.6"]),
        step_limit=NUM_STEPS,
    )


def process(
    folder: Path, step_sec: float, evaluation_sec: float, fate: Fate, signal_at: int | None = None
) -> None:
    """What a process does that is told to run or resume the trial; it may be killed or, before the
    evaluation batch of that number, told to stop.
    """
    machine = Machine()
    backend = LossBackend(machine, evaluation_sec=evaluation_sec)
    interruption = Interruption()
    asked = 0

    def check() -> None:
        nonlocal asked
        fate.strike()
        asked += 1
        if asked == signal_at:
            interruption._take_note(15, None)
        usual_check()

    usual_check, interruption.check = interruption.check, check  # type: ignore[method-assign]
    interruption._usual = {}

    def set_up(trial: TrialStarted) -> Experiment:
        machine.compute(7 * SECOND)
        submission = Submission(functions(machine, step_sec))
        return Experiment(backend, submission, None, fakes.train_batches, fakes.eval_batches)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("write", "fsync", "rename"):
            usual = getattr(os, name)

            def deadly(*arguments: Any, usual: Callable[..., Any] = usual) -> Any:
                fate.strike()
                return usual(*arguments)

            patch.setattr(os, name, deadly)
        patch.setattr(shutil, "rmtree", _unless(fate, shutil.rmtree))
        begun = None
        if (folder / "events.jsonl").exists():
            begun = resuming.read(folder, trial())
            found, lock = begun.checkpoints, begun.lock
            if begun.ended:
                lock.close()
                return
        else:
            found, lock = [], RunLock(folder)
        state = found[-1].content["clock"] if found else None
        clock = Clock(fakes.RULESET.timing.timed, now=machine.now, state=state)
        try:
            log = EventLog(folder / "events.jsonl", clock)
            if begun is None:
                log.append(trial_started=trial())
            else:
                log.append(trial_resumed=begun.resumed)
                lock.note(clock.step, clock.timed_sec)
            keeper = Keeper(folder, trial(), lock, found)
            run_trial(trial(), set_up, clock, log, interruption, keeper)
        except Killed:
            pass
        finally:
            lock.close()
            log.close()


def _unless(fate: Fate, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, for the living."""

    def call(*arguments: Any, **options: Any) -> Any:
        if not fate.is_dead:
            function(*arguments, **options)

    return call


def account(folder: Path) -> list[Any]:
    """What counts in the log, with the times that are the trial's own."""
    told: list[Any] = []
    for event in timeline.counted(read_log(folder / "events.jsonl").events):
        clock = (event.clock.step, event.clock.timed_sec, event.clock.evaluation_sec)
        loop_sec = event.clock.total_sec - event.clock.set_up_sec
        if event.HasField("evaluation"):
            metrics = dict(event.evaluation.metrics)
            told.append((clock, loop_sec, event.evaluation.global_step, metrics))
        elif event.HasField("scalar_metrics"):
            told.append(dict(event.scalar_metrics.metrics))
        elif event.HasField("trial_ended"):
            told.append((clock, event.trial_ended.outcome, event.trial_ended.global_step))
    return told


def events_of(folder: Path, kind: str) -> list[Event]:
    log = read_log(folder / "events.jsonl")
    return [event for event in log.events if event.HasField(kind)]


# Due every 30 s of wall time: after every step, after some, or only after the first and last.
STEP_SEC = st.sampled_from([40.0, 8.0, 1.0])


@settings(max_examples=60, deadline=None)
@given(step_sec=STEP_SEC, evaluation_sec=st.sampled_from([0.0, 4.0]), data=st.data())
def test_a_trial_killed_anywhere_is_the_same_trial(
    tmp_path_factory: pytest.TempPathFactory,
    step_sec: float,
    evaluation_sec: float,
    data: st.DataObject,
) -> None:
    alone, killed = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("killed")
    fate = Fate()
    process(alone, step_sec, evaluation_sec, fate)
    for _ in range(data.draw(st.integers(1, 3))):
        moment = data.draw(st.integers(2, fate.count))
        process(killed, step_sec, evaluation_sec, Fate(moment))
    process(killed, step_sec, evaluation_sec, Fate())
    assert account(killed) == account(alone)
    # One more where the last process was killed between making one and removing another.
    assert len(list((killed / "checkpoints").iterdir())) <= checkpoint.NUM_KEPT + 1


@settings(max_examples=30, deadline=None)
@given(step_sec=STEP_SEC, first=st.integers(1, 60), second=st.integers(1, 60))
def test_a_trial_that_is_told_to_stop_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, step_sec: float, first: int, second: int
) -> None:
    """Also in the middle of an evaluation: prepare_for_eval is called once for each."""
    alone, stopped = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("stopped")
    process(alone, step_sec, 0.0, Fate())
    for signal_at in (first, second, None):
        process(stopped, step_sec, 0.0, Fate(), signal_at)
    assert account(stopped) == account(alone)
    for event in events_of(stopped, "trial_resumed"):
        assert event.trial_resumed.lost_steps == 0
        assert event.trial_resumed.lost_timed_sec == 0


def test_lost_work_is_counted_once_and_to_the_last_step(tmp_path: Path) -> None:
    """Steps of a second, a checkpoint after the first; killed after the eighth, which logs nothing."""
    process(tmp_path, 1.0, 0.0, Fate(24))
    process(tmp_path, 1.0, 0.0, Fate(2))  # killed again, before its first step
    process(tmp_path, 1.0, 0.0, Fate())
    resumed = [event.trial_resumed for event in events_of(tmp_path, "trial_resumed")]
    assert [r.global_step for r in resumed] == [1, 1]
    assert [r.preemption_count for r in resumed] == [1, 2]
    assert [r.lost_steps for r in resumed] == [7, 0]
    assert [r.lost_timed_sec for r in resumed] == [7.0, 0.0]


@pytest.mark.parametrize("file", ["arrays.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_checkpoint_is_left_alone_and_the_one_before_it_used(
    tmp_path: Path, file: str, damage: str
) -> None:
    alone, damaged = tmp_path / "alone", tmp_path / "damaged"
    for folder in (alone, damaged):
        folder.mkdir()
    process(alone, 40.0, 0.0, Fate())
    process(damaged, 40.0, 0.0, Fate(), signal_at=10)
    before, last = sorted((damaged / "checkpoints").iterdir(), key=lambda p: int(p.name[0]))
    content = (last / file).read_bytes()
    (last / file).unlink()
    if damage != "remove":
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        (last / file).write_bytes(flipped if damage == "flip" else content[:middle])
    begun = resuming.read(damaged, trial())
    begun.lock.close()
    assert begun.resumed.global_step == int(before.name.partition("-")[0])
    (problem,) = begun.problems
    assert file in problem
    process(damaged, 40.0, 0.0, Fate())
    assert account(damaged) == account(alone)
    assert last.is_dir()


def test_checkpoints_of_another_trial_are_not_used(tmp_path: Path) -> None:
    process(tmp_path, 40.0, 0.0, Fate(), signal_at=10)
    other = trial()
    other.seed = 4
    found, problems = checkpoint.read_all(tmp_path, checkpoint.identity(other))
    assert found == []
    assert len(problems) == 2
    assert all("is of another trial: seed is 3, expected 4" in problem for problem in problems)


def test_what_is_no_run_folder_or_another_trial_is_refused(tmp_path: Path) -> None:
    assert not resuming.is_begun(tmp_path / "nowhere")
    assert not resuming.is_begun(tmp_path)
    (tmp_path / "thesis.tex").touch()
    assert resuming.is_begun(tmp_path)
    with pytest.raises(UsageError, match=r"is no run folder: it has no events\.jsonl"):
        resuming.read(tmp_path, trial())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    (tmp_path / "events.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match="does not begin with a trial"):
        resuming.read(tmp_path, trial())
    (tmp_path / "events.jsonl").unlink()
    process(tmp_path, 40.0, 0.0, Fate(20))
    other = trial()
    other.step_limit = 20
    with pytest.raises(UsageError, match="holds another trial: step_limit is 20, expected 9"):
        resuming.read(tmp_path, other)
    resuming.read(tmp_path, trial()).lock.close()  # the refusal gave the lock back


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    process(tmp_path, 40.0, 0.0, Fate(20))
    lock = RunLock(tmp_path)
    with pytest.raises(UsageError, match="another process works on"):
        resuming.read(tmp_path, trial())
    lock.close()
    resuming.read(tmp_path, trial()).lock.close()


def test_ends_that_stay(tmp_path: Path) -> None:
    process(tmp_path, 40.0, 0.0, Fate())
    begun = resuming.read(tmp_path, trial())
    begun.lock.close()
    assert begun.ended is not None
    assert begun.ended.outcome == Outcome.BUDGET_EXHAUSTED
    assert {Outcome.INTERRUPTED, Outcome.HARNESS_ERROR} == resuming.RESUMABLE


def test_a_state_that_does_not_come_back_as_it_was_is_no_resumption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(tmp_path, 40.0, 0.0, Fate(), signal_at=10)
    usual = FakeBackend.restore

    def forgetful(self: FakeBackend, *arguments: Any) -> Any:
        params, model_state, state = usual(self, *arguments)
        return {"weight": params["weight"] + np.array([0, 1e-15])}, model_state, state

    monkeypatch.setattr(FakeBackend, "restore", forgetful)
    process(tmp_path, 40.0, 0.0, Fate())
    (ended,) = (event.trial_ended for event in events_of(tmp_path, "trial_ended")[1:])
    assert ended.outcome == Outcome.HARNESS_ERROR
    assert "weight is not restored as it was" in ended.message


def test_a_submission_that_cannot_be_saved_runs_without_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(self: FakeBackend, *arguments: Any) -> Any:
        raise TypeError("optimizer_state['rows'] is a generator")

    monkeypatch.setattr(FakeBackend, "save", cannot)
    process(tmp_path, 8.0, 0.0, Fate())
    (remark,) = (event.remark.message for event in events_of(tmp_path, "remark"))
    assert remark == "this submission cannot be resumed: optimizer_state['rows'] is a generator"
    assert events_of(tmp_path, "trial_ended")[0].trial_ended.outcome == Outcome.STEP_LIMIT
    assert not (tmp_path / "checkpoints").exists()


def test_a_full_disk_costs_checkpoints_and_not_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_write", full)
    process(tmp_path, 8.0, 0.0, Fate())
    remarks = [event.remark.message for event in events_of(tmp_path, "remark")]
    assert remarks[0] == "no checkpoint after step 1: No space left on device"
    assert len(remarks) == len(events_of(tmp_path, "evaluation"))
    assert list((tmp_path / "checkpoints").iterdir()) == []
