import os
from pathlib import Path

import pytest

from campaigns import progress
from campaigns.progress import Progress
from harness import lock
from harness.clock import Clock
from harness.events import EventLog
from harness.lock import RunLock
from spec.event_pb2 import Evaluation, TrialEnded, TrialResumed, TrialStarted
from spec.timing_pb2 import Outcome, Segment


class Run:
    """A run folder that a process works on, with 4 steps of 2 seconds and 1 of evaluation each."""

    def __init__(self, folder: Path):
        self.time = 0
        clock = Clock([Segment.STEP], now=lambda: self.time)
        self.lock = RunLock(folder)
        self.log = EventLog(folder / "events.jsonl", clock)
        self.log.append(trial_started=TrialStarted())
        self.time += 50 * 10**9
        for _ in range(4):
            clock.enter(Segment.STEP)
            self.time += 2 * 10**9
            self.lock.note(clock.step + 1, clock.end_step())
            clock.enter(Segment.EVALUATION)
            self.time += 10**9
            clock.enter(Segment.RECORD)
            self.log.append(evaluation=Evaluation(global_step=clock.step))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_nothing_there_is_no_progress(tmp_path: Path) -> None:
    assert progress.read(tmp_path) == progress.read(tmp_path / "nowhere") == Progress()
    (tmp_path / "events.jsonl").write_text("")
    assert progress.read(tmp_path).exists
    assert not progress.read(tmp_path).is_final


def test_progress_of_a_trial_that_runs(run: Run, tmp_path: Path) -> None:
    found = progress.read(tmp_path)
    assert (found.step, found.timed_sec, found.wall_per_timed) == (4, 8.0, 1.5)
    assert (found.outcome, found.is_final) == ("", False)
    assert found.lock in lock.held()
    run.lock.note(7, 14.5)  # since the last event
    assert (progress.read(tmp_path).step, progress.read(tmp_path).timed_sec) == (7, 14.5)
    os.utime(tmp_path / "lock", (2e9, 2e9))
    assert progress.read(tmp_path).last_sign_sec == 2e9
    run.lock.close()
    assert found.lock not in lock.held()


@pytest.mark.parametrize("outcome", [o for o in Outcome.values() if o])
def test_ends_and_what_they_mean(run: Run, tmp_path: Path, outcome: Outcome) -> None:
    run.lock.note(5, 9.0)  # of a step that did not count
    ended = TrialEnded(outcome=outcome, message="so it is", traceback=3000 * "long ")
    if outcome == Outcome.TARGET_REACHED:
        ended.time_to_target_sec = 6.0
    run.log.append(trial_ended=ended)
    found = progress.read(tmp_path)
    assert (found.outcome, found.message) == (Outcome.Name(outcome), "so it is")
    assert (found.step, found.timed_sec) == (4, 8.0)
    assert found.is_final == (outcome not in (Outcome.INTERRUPTED, Outcome.HARNESS_ERROR))
    assert found.time_to_target_sec == (6.0 if outcome == Outcome.TARGET_REACHED else None)
    run.log.append(trial_resumed=TrialResumed())
    assert (progress.read(tmp_path).outcome, progress.read(tmp_path).is_final) == ("", False)


@pytest.mark.parametrize("torn", [b'{"sequence": 9, "trial_en', b"\xff\xfe", b"3", b"{}x" * 5000])
def test_a_torn_line_is_no_event(run: Run, tmp_path: Path, torn: bytes) -> None:
    run.log.append(trial_ended=TrialEnded(outcome=Outcome.DIVERGED))
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(torn)
    assert progress.read(tmp_path).outcome == "DIVERGED"


def test_files_that_are_something_else_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(os.urandom(20_000))
    (tmp_path / "lock").write_bytes(b"short")
    assert progress.read(tmp_path).step == 0
    (tmp_path / "events.jsonl").write_text('{"clock": 3, "trial_ended": []}\n')
    assert progress.read(tmp_path).outcome == ""
