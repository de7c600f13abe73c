"""Signals that ask a trial to stop."""

import signal
import types

from harness.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Takes note of SIGINT and SIGTERM, so that the trial ends at the next safe point: after a step
    or a batch.

    Only the first signal is taken note of; the next one has its usual effect at once.

    Attributes:
      received: the first signal, if one came.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None

    def __enter__(self) -> "Interruption":
        self._usual = {number: signal.signal(number, self._take_note) for number in _SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)

    def _take_note(self, number: int, frame: types.FrameType | None) -> None:
        self.received = signal.Signals(number)
        self.__exit__()

    def check(self) -> None:
        """Raises Interrupted if a signal came."""
        if self.received is not None:
            raise Interrupted(f"stopped by {self.received.name}")
