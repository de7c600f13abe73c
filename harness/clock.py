"""The trial's clock, written from spec/timing.proto.

Time is a sequence of segments without gaps: whatever passes between two readings belongs to exactly
one segment. Sums are integers of nanoseconds, so that they are exact. Before a segment ends, every
device has finished the work enqueued so far, so no segment pays for another's work.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from spec.event_pb2 import ClockReading
from spec.timing_pb2 import Segment

SUBMISSION_SEGMENTS = frozenset(
    {Segment.STEP, Segment.PREPARE_FOR_EVAL}
)  # the only ones that may be timed


def no_devices(*results: Any) -> None:
    """The barrier before there is a backend."""


class Clock:
    """Begins in SET_UP at the moment it is made.

    Attributes:
      step: steps taken.
      segment: the segment that is running.
      synchronize: the device barrier, called with results that may still be computed.
    """

    def __init__(
        self,
        timed: Iterable[Segment] = SUBMISSION_SEGMENTS,
        synchronize: Callable[..., None] = no_devices,
        now: Callable[[], int] = time.perf_counter_ns,
        state: dict[str, int] | None = None,
        glance: Callable[[], int] | None = None,
    ):
        """`timed` and the barrier are the protocol's; `now` is a monotonic clock in nanoseconds;
        `state` continues the clock that gave it. Where several processes agree on what `now` is, and
        call it together, `glance` is what one of them can tell alone.

        Raises:
          ValueError: a segment that is not the submission's would be timed.
        """
        self._timed = frozenset(timed)
        for segment in self._timed - SUBMISSION_SEGMENTS:
            raise ValueError(
                f"{Segment.Name(segment)} is timed; expected STEP and PREPARE_FOR_EVAL at most"
            )
        state = state or {}
        self.step = state.get("step", 0)
        self.segment = Segment.SET_UP
        self.synchronize = synchronize
        self._now, self._glance = now, glance or now
        spent = [state.get(Segment.Name(segment), 0) for segment in Segment.values()]
        self._account = spent, now()

    def enter(self, segment: Segment, *results: Any) -> None:
        """Ends the running segment, its device work included, and begins another."""
        assert segment in self._timed or segment not in SUBMISSION_SEGMENTS
        self.synchronize(*results)
        self._charge(self._now())
        self.segment = segment

    def end_step(self, *results: Any) -> float:
        """Ends a step, its device work included, and counts it. Returns the timed seconds."""
        assert self.segment == Segment.STEP
        self.synchronize(*results)
        self._charge(self._now())
        self.step += 1
        return self.timed_sec

    def abort(self) -> None:
        """Enters RECORD without waiting for devices and other processes: after a failure they may
        not answer.
        """
        self._charge(self._glance())
        self.segment = Segment.RECORD

    def _charge(self, now: int) -> None:
        # One assignment: a signal or another thread must not find a stretch charged that still runs.
        self._account = self._spent_until(self._account, now), now

    def _spent_until(self, account: tuple[list[int], int], now: int) -> list[int]:
        """Nanoseconds by segment, the running one's until `now` included."""
        spent, since = list(account[0]), account[1]
        spent[self.segment] += now - since
        return spent

    @property
    def _spent(self) -> list[int]:
        """Nanoseconds by segment at the last boundary."""
        return self._account[0]

    @property
    def is_timed(self) -> bool:
        return self.segment in self._timed

    @property
    def timed_sec(self) -> float:
        """Seconds on the submission's account at the last boundary of a segment or step."""
        return (self._spent[Segment.STEP] + self._spent[Segment.PREPARE_FOR_EVAL]) / 1e9

    @property
    def total_sec(self) -> float:
        """Seconds since the trial began, at the last boundary of a segment or step."""
        return sum(self._spent) / 1e9

    @property
    def loop_sec(self) -> float:
        """Seconds since the first step began, at the last boundary. Set-ups are not in it, so that it
        goes on where it was when a trial is resumed.
        """
        return (sum(self._spent) - self._spent[Segment.SET_UP]) / 1e9

    def reading(self) -> ClockReading:
        """All accounts at this instant. Changes nothing, so that another thread may look."""
        return self._reading(self._spent_until(self._account, self._glance()))

    def boundary(self) -> ClockReading:
        """All accounts at the last boundary of a segment or step."""
        return self._reading(self._spent)

    def _reading(self, spent: list[int]) -> ClockReading:
        return ClockReading(
            step=self.step,
            timed_sec=(spent[Segment.STEP] + spent[Segment.PREPARE_FOR_EVAL]) / 1e9,
            evaluation_sec=spent[Segment.EVALUATION] / 1e9,
            record_sec=spent[Segment.RECORD] / 1e9,
            set_up_sec=spent[Segment.SET_UP] / 1e9,
            total_sec=sum(spent) / 1e9,
        )

    def state(self) -> dict[str, int]:
        """Steps and nanoseconds by segment at the last boundary, for `Clock(state=...)`."""
        return {"step": self.step} | dict(zip(Segment.keys(), self._spent, strict=True))
