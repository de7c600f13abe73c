import inspect
import itertools
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Clock
from harness.fakes import SECOND, Machine
from spec.timing_pb2 import Segment

TIMED = (Segment.STEP, Segment.PREPARE_FOR_EVAL)


def clock_of(machine: Machine, state: dict[str, int] | None = None) -> Clock:
    return Clock(TIMED, machine.synchronize, machine.now, state)


def test_the_clock_is_monotonic_and_read_once_at_a_boundary() -> None:
    """A second reading would leave a gap between two segments."""
    assert inspect.signature(Clock).parameters["now"].default is time.perf_counter_ns
    ticks = itertools.count(0, SECOND)
    clock = Clock(now=lambda: next(ticks))
    clock.enter(Segment.STEP)
    clock.end_step()
    clock.enter(Segment.RECORD)
    assert clock.total_sec == 3  # of ticks 0, 1, 2, 3: none is lost
    assert clock.timed_sec == 2
    assert next(ticks) == 4 * SECOND  # nor was any other taken


def test_known_answer() -> None:
    machine = Machine()
    clock = clock_of(machine)
    machine.compute(5 * SECOND)
    clock.enter(Segment.STEP)
    machine.compute(1 * SECOND)
    machine.enqueue(2 * SECOND)
    assert clock.end_step() == 3  # the device's work is the step's
    machine.enqueue(1 * SECOND)
    assert clock.end_step() == 4
    clock.enter(Segment.PREPARE_FOR_EVAL)
    machine.enqueue(4 * SECOND)
    clock.enter(Segment.EVALUATION)
    machine.enqueue(7 * SECOND)
    clock.enter(Segment.RECORD)
    machine.compute(SECOND // 2)
    reading = clock.reading()
    assert reading.step == 2
    assert reading.timed_sec == clock.timed_sec == 8
    assert (reading.set_up_sec, reading.evaluation_sec, reading.record_sec) == (5, 7, 0.5)
    assert reading.total_sec == 20.5
    assert clock.total_sec == 20  # at the last boundary


def test_readings_do_not_move_the_clock() -> None:
    machine = Machine()
    clock = clock_of(machine)
    clock.enter(Segment.STEP)
    machine.compute(SECOND)
    machine.enqueue(SECOND)
    assert clock.reading().timed_sec == 1
    assert clock.timed_sec == 0
    assert clock.end_step() == 2


class Stop(BaseException):
    """What a second signal raises, anywhere."""


def stopped_before(instruction: int, function: Callable[[], Any]) -> bool:
    """Whether `function` was stopped before an instruction of clock.py, counted from 0; if not, it had
    fewer.
    """
    left = itertools.count(instruction, -1)

    def trace(frame: types.FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != inspect.getfile(Clock):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and next(left) == 0:
            raise Stop
        return trace

    usual = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except Stop:
        return True
    finally:
        sys.settrace(usual)
    return False


def test_a_stop_at_any_instruction_loses_no_time_and_counts_none_twice() -> None:
    for instruction in itertools.count():
        machine = Machine()
        clock = clock_of(machine)
        clock.enter(Segment.STEP)
        machine.compute(SECOND)
        was_stopped = stopped_before(instruction, clock.end_step)
        clock.abort()
        assert clock.total_sec == clock.timed_sec == 1, instruction
        if not was_stopped:
            break
    assert instruction > 20


def test_abort_does_not_wait() -> None:
    machine = Machine()
    clock = clock_of(machine)
    clock.enter(Segment.STEP)
    machine.compute(SECOND)
    machine.enqueue(SECOND)
    clock.abort()
    assert machine.pending == SECOND
    assert clock.segment == Segment.RECORD
    assert clock.timed_sec == 1


def test_the_harness_is_never_timed() -> None:
    with pytest.raises(ValueError, match="EVALUATION is timed; expected STEP and PREPARE_FOR_EVAL"):
        Clock((Segment.STEP, Segment.EVALUATION))


DURATION = st.integers(0, 10**12)
ACTIONS = st.one_of(
    st.tuples(st.sampled_from(["compute", "enqueue", "fail"]), DURATION),
    st.tuples(st.just("enter"), st.sampled_from(Segment.values())),
    st.tuples(st.sampled_from(["step", "read", "save"]), st.none()),
)


@given(st.lists(ACTIONS, max_size=60))
def test_every_second_is_charged_once_for_any_order_of_events(
    actions: list[tuple[str, Any]],
) -> None:
    """Against a ledger of whose work each nanosecond was, also in runs that stopped."""
    machine = Machine()
    clock = clock_of(machine)
    segment = Segment.SET_UP
    ledger = dict.fromkeys(Segment.values(), 0)  # all work done, by the segment that asked for it
    lost = dict.fromkeys(
        Segment.values(), 0
    )  # work after the checkpoint that a resumed run began from
    idle = 0  # nanoseconds between a stop and the new start
    saved_state, saved_ledger, saved_steps = clock.state(), dict(ledger), 0
    steps = 0

    def settle() -> None:
        """The state at a boundary."""
        assert machine.pending == 0
        spent = clock.state()
        assert {s: spent[Segment.Name(s)] + lost[s] for s in ledger} == ledger
        assert sum(ledger.values()) + idle == machine.time

    for action, value in actions:
        if action == "compute":
            machine.compute(value)
            ledger[segment] += value
        elif action == "enqueue":
            machine.enqueue(value)
            ledger[segment] += value
        elif action == "enter":
            clock.enter(value)
            segment = value
            settle()
        elif action == "step" and segment == Segment.STEP:
            clock.end_step()
            steps += 1
            settle()
        elif action == "read":
            before = clock.state()
            clock.reading()
            assert clock.state() == before
        elif action == "save" and segment == Segment.RECORD:
            clock.enter(Segment.RECORD)
            saved_state, saved_ledger, saved_steps = clock.state(), dict(ledger), steps
        elif (
            action == "fail"
        ):  # the process dies; another goes on from the checkpoint after a while
            machine.synchronize()  # the work in flight was done, by a device that nobody waits for
            machine.compute(value)
            idle += value
            clock = clock_of(machine, saved_state)
            lost = {s: lost[s] + ledger[s] - saved_ledger[s] for s in ledger}
            saved_ledger, segment, steps = dict(ledger), Segment.SET_UP, saved_steps

    clock.enter(Segment.RECORD)
    settle()
    assert clock.step == steps
    reading = clock.reading()
    parts = reading.timed_sec + reading.evaluation_sec + reading.record_sec + reading.set_up_sec
    assert reading.total_sec == pytest.approx(parts, rel=1e-12)
    assert clock.timed_sec * 1e9 == pytest.approx(
        sum(ledger[s] - lost[s] for s in TIMED), rel=1e-12
    )
