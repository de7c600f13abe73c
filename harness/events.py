"""The event log of a trial: `events.jsonl`, append-only, one event a line in proto-JSON."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from harness.clock import Clock
from harness.errors import LogError
from spec.event_pb2 import Event
from spec.timing_pb2 import Outcome

FILE = "events.jsonl"
_OUTCOMES = frozenset(Outcome.values()) - {Outcome.OUTCOME_UNSPECIFIED}


class EventLog:
    """Writes events, each with the clock's state, and hands them to those who watch.

    Every line goes to the operating system in one unbuffered write, so that a process that is
    killed leaves whole lines and at most one torn one, the last; it is ended before the next. A line
    that cannot be written whole, on a full disk for instance, is taken back; its number is used
    again, for it was never an event.

    Attributes:
      observers: functions that are called with each event after it is written.
    """

    def __init__(self, path: Path, clock: Clock):
        """Opens a log or goes on with an existing one."""
        old = read_log(path) if path.exists() else Log([], [], ends_in_line=True)
        self.path = path
        self.observers: list[Callable[[Event], None]] = []
        self._clock = clock
        self._next = old.events[-1].sequence + 1 if old.events else 0
        self._is_torn = not old.ends_in_line
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    @property
    def next_sequence(self) -> int:
        """The number that the next event gets."""
        return self._next

    def append(self, **event: Any) -> None:
        """Appends one event, given by its field in `Event`: `append(evaluation=Evaluation(...))`.
        Never while timed.

        Raises:
          LogError: the line could not be written.
        """
        assert not self._clock.is_timed
        clock = self._clock.reading()
        self._append(Event(unix_time_sec=time.time(), clock=clock, **event))

    def copy(self, event: Event) -> None:
        """Appends an event of another log, with its own time and clock.

        Raises:
          LogError: the line could not be written.
        """
        message = Event()
        message.CopyFrom(event)
        self._append(message)

    def _append(self, message: Event) -> None:
        message.sequence = self._next
        line = json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)
        self._write(b"\n" * self._is_torn + line.encode() + b"\n")
        self._next += 1
        for observer in self.observers:
            observer(message)

    def _write(self, data: bytes) -> None:
        was_torn, self._is_torn = self._is_torn, True
        end = os.fstat(self._file).st_size
        try:
            while data:
                data = data[os.write(self._file, data) :]
            self._is_torn = False
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, end)  # takes no space
                self._is_torn = was_torn
            raise LogError(f"{self.path}: {error.strerror}") from error

    def is_in_place(self) -> bool:
        """Whether the file that was written is still found under its name."""
        try:
            return os.path.samestat(os.fstat(self._file), self.path.stat())
        except OSError:
            return False

    def close(self) -> None:
        os.close(self._file)


class NoLog(EventLog):
    """The log of a rank that does not write."""

    def __init__(self, clock: Clock):
        self.observers = []
        self._clock = clock
        self._next = 0

    def append(self, **event: Any) -> None:
        assert not self._clock.is_timed


@dataclasses.dataclass(frozen=True)
class Log:
    """What a log file holds.

    Attributes:
      events: all that can be read, in order.
      problems: one line for each thing that is wrong with the file.
      ends_in_line: whether the last line is complete; if not, the writer was stopped there.
    """

    events: list[Event]
    problems: list[str]
    ends_in_line: bool


def read_log(path: Path) -> Log:
    """Reads a log, whatever state it is in: a torn line and a gap are reported, not raised."""
    data = path.read_bytes()
    events: list[Event] = []
    problems: list[str] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line:
            continue
        try:
            event = json_format.Parse(line, Event())
        except (json_format.ParseError, UnicodeDecodeError):
            problems.append(f"{path}:{number}: not an event: {line[:40]!r}")
            continue
        if event.HasField("trial_ended") and event.trial_ended.outcome not in _OUTCOMES:
            outcome = event.trial_ended.outcome
            problems.append(f"{path}:{number}: not an event: there is no outcome {outcome}")
            continue
        expected = events[-1].sequence + 1 if events else 0
        if event.sequence != expected:
            problems.append(
                f"{path}:{number}: event {event.sequence} where {expected} was expected"
            )
        events.append(event)
    return Log(events, problems, ends_in_line=data.endswith(b"\n") or not data)
