"""How far the trial of a run folder got, from two short reads: a log is never read as a whole."""

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import BinaryIO

from google.protobuf import json_format

from harness import events, lock
from harness.resuming import RESUMABLE
from spec.event_pb2 import Event
from spec.timing_pb2 import Outcome

_TAIL_BYTES = 4096  # more are read where an event is longer
_OUTCOMES = {number: name for name, number in Outcome.items()}
_FINAL = {name for name, number in Outcome.items() if number not in RESUMABLE}


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a run folder says.

    Attributes:
      exists: whether there is a log; if not, the rest says nothing.
      step: steps taken, to the latest one.
      timed_sec: what they took on the clock.
      wall_per_timed: wall seconds of the loop for each timed one, so far.
      outcome: name of the outcome; empty as long as there is none.
      message: why, in one line.
      time_to_target_sec: once there is an outcome, and if the target was met.
      last_sign_sec: when the trial last wrote something, in seconds since 1970.
      lock: device and number of the file that a process holds while it runs the trial.
    """

    exists: bool = False
    step: int = 0
    timed_sec: float = 0.0
    wall_per_timed: float = 1.0
    outcome: str = ""
    message: str = ""
    time_to_target_sec: float | None = None
    last_sign_sec: float = 0.0
    lock: tuple[int, int] = (0, 0)

    @property
    def is_final(self) -> bool:
        """Whether the trial has come to an end that it does not go on from."""
        return self.outcome in _FINAL


def read(folder: Path) -> Progress:
    """Reads how far a trial got; whatever state its files are in is no error."""
    try:
        with (folder / events.FILE).open("rb") as file:
            last_sign_sec = os.fstat(file.fileno()).st_mtime
            last = _last_event(file)
    except OSError:
        return Progress()
    clock, ended = last.clock, last.trial_ended
    has_ended = last.HasField("trial_ended")
    noted = lock.look(folder)
    return Progress(
        exists=True,
        step=clock.step if has_ended else noted.step,  # noted after every step
        timed_sec=clock.timed_sec if has_ended else noted.timed_sec,
        wall_per_timed=(clock.total_sec - clock.set_up_sec) / clock.timed_sec
        if clock.timed_sec
        else 1.0,
        outcome=_OUTCOMES.get(ended.outcome, "") if has_ended else "",
        message=ended.message,
        time_to_target_sec=ended.time_to_target_sec
        if ended.HasField("time_to_target_sec")
        else None,
        last_sign_sec=max(last_sign_sec, noted.time_sec),
        lock=noted.file,
    )


def _last_event(file: BinaryIO) -> Event:
    """The last event; a line that is torn is none. An empty one if there is none."""
    end, size = file.seek(0, os.SEEK_END), _TAIL_BYTES
    while True:
        begin = max(end - size, 0)
        file.seek(begin)
        lines = file.read(end - begin).split(b"\n")
        for line in reversed(lines[begin > 0 :]):  # the first one's beginning may be out of sight
            with contextlib.suppress(json_format.ParseError, UnicodeDecodeError):
                if line:
                    return json_format.Parse(line, Event())
        if begin == 0:
            return Event()
        size *= 4
