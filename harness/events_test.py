import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Clock
from harness.errors import LogError
from harness.events import EventLog, read_log
from spec.event_pb2 import Evaluation, Event, Remark, ScalarMetrics
from spec.timing_pb2 import Segment


def remark(log: EventLog, text: str) -> None:
    log.append(remark=Remark(message=text))


def test_written_events_are_read_back(tmp_path: Path) -> None:
    clock = Clock(now=iter(range(0, 100 * 10**9, 10**9)).__next__)
    log = EventLog(tmp_path / "events.jsonl", clock)
    remark(log, "line one\nline two, ünïcode")
    clock.enter(Segment.RECORD)
    log.append(evaluation=Evaluation(global_step=7, metrics={"validation/loss": 0.1}))
    first, second = read_log(log.path).events
    assert (first.sequence, second.sequence) == (0, 1)
    assert first.remark.message == "line one\nline two, ünïcode"
    assert second.evaluation.metrics["validation/loss"] == 0.1
    assert second.clock.set_up_sec == 2
    assert second.clock.record_sec == 1
    assert log.path.read_bytes().count(b"\n") == 2


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.floats()))
def test_metrics_survive_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, metrics: dict[str, float]
) -> None:
    log = EventLog(tmp_path_factory.mktemp("log") / "events.jsonl", Clock())
    log.append(scalar_metrics=ScalarMetrics(metrics=metrics))
    log.close()
    (event,) = read_log(log.path).events
    assert dict(event.scalar_metrics.metrics) == pytest.approx(metrics, rel=0, abs=0, nan_ok=True)


def test_a_log_knows_whether_it_is_still_there(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log", Clock())
    assert log.is_in_place()
    log.path.unlink()
    assert not log.is_in_place()
    log.path.write_text("")
    assert not log.is_in_place()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_survive(tmp_path: Path, value: float) -> None:
    log = EventLog(tmp_path / "events.jsonl", Clock())
    log.append(evaluation=Evaluation(metrics={"m": value}))
    (event,) = read_log(log.path).events
    assert event.evaluation.metrics["m"] == pytest.approx(value, nan_ok=True)


def test_nothing_is_written_on_the_clock(tmp_path: Path) -> None:
    clock = Clock()
    log = EventLog(tmp_path / "events.jsonl", clock)
    clock.enter(Segment.STEP)
    with pytest.raises(AssertionError):
        remark(log, "too early")
    assert log.path.read_bytes() == b""


def test_observers_see_each_event_after_it_is_written(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", Clock())
    seen: list[tuple[Event, int]] = []
    log.observers.append(lambda event: seen.append((event, len(read_log(log.path).events))))
    remark(log, "a")
    remark(log, "b")
    assert [(event.remark.message, count) for event, count in seen] == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("cut", [1, 2, 20, 60])
def test_a_torn_last_line_is_survived_and_reported(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, Clock())
    remark(log, "whole")
    remark(log, "torn off somewhere in its line" * 3)
    log.close()
    path.write_bytes(path.read_bytes()[:-cut])
    old = read_log(path)
    whole = 2 if cut == 1 else 1  # a line without its newline still reads
    assert len(old.events) == whole
    assert not old.ends_in_line
    assert len(old.problems) == 2 - whole

    remark(EventLog(path, Clock()), "after the fault")
    events = read_log(path).events
    assert [event.sequence for event in events] == list(range(whole + 1))
    assert events[-1].remark.message == "after the fault"


def test_a_gap_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, Clock())
    for text in "abc":
        remark(log, text)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    assert read_log(path).problems == [f"{path}:2: event 2 where 1 was expected"]


@pytest.mark.parametrize("outcome", ['"outcome": 77', '"message": "none"'])
def test_an_end_without_an_outcome_is_no_end(tmp_path: Path, outcome: str) -> None:
    path = tmp_path / "events.jsonl"
    remark(EventLog(path, Clock()), "a")
    with path.open("a") as file:
        file.write(f'{{"sequence": 1, "trial_ended": {{{outcome}}}}}\n')
    log = read_log(path)
    assert [event.sequence for event in log.events] == [0]
    assert f"{path}:2: not an event: there is no outcome {77 * ('77' in outcome)}" in log.problems


@given(st.binary(max_size=200))
def test_any_bytes_are_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    path.write_bytes(data)
    read_log(path)


def test_a_disk_without_space_raises(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", Clock())
    os.dup2(os.open("/dev/full", os.O_WRONLY), log._file)
    with pytest.raises(LogError, match="No space left"):
        remark(log, "lost")


def test_numbers_go_on_behind_a_line_that_was_lost(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, Clock())
    for text in "abc":
        remark(log, text)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    log = EventLog(path, Clock())
    assert log.next_sequence == 3
    remark(log, "d")
    assert [event.sequence for event in read_log(path).events] == [0, 2, 3]


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path: Path) -> None:
    """The limit on file sizes cuts a line in its middle, as a full disk does."""
    path = tmp_path / "events.jsonl"
    program = f"""
import pathlib, resource
from harness.errors import LogError
from harness.clock import Clock
from harness.events import EventLog
from spec.event_pb2 import Remark, TrialEnded
from spec.timing_pb2 import Outcome
log = EventLog(pathlib.Path({str(path)!r}), Clock())
log.append(remark=Remark(message="before"))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
try:
    log.append(remark=Remark(message="x" * 400))
except LogError as error:
    print(len(log.path.read_bytes().splitlines()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    log.append(trial_ended=TrialEnded(outcome=Outcome.HARNESS_ERROR, message=str(error)))
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.check_output([sys.executable, "-c", program], env=environment)
    assert output == b"1\n"  # lines right after the fault
    log = read_log(path)
    assert [event.sequence for event in log.events] == [0, 1]
    assert "File too large" in log.events[1].trial_ended.message
    assert log.problems == []
    assert log.ends_in_line
