"""Signals that ask a trial to stop."""

import signal
import types

from harness.errors import Interrupted
from harness.ranks import Ranks

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Takes note of SIGINT and SIGTERM, so that the trial ends at the next safe point: after a step
    or a batch.

    Only the first signal is taken note of; the next one has its usual effect at once. Of several
    processes one is enough to stop them all, when they have met.
    """

    def __init__(self, ranks: Ranks | None = None) -> None:
        self._ranks = ranks or Ranks()

    @property
    def received(self) -> signal.Signals | None:
        """The first signal, if one came, as far as all ranks know."""
        number = self._ranks.agreed.signal
        return signal.Signals(number) if number else None

    @property
    def reason(self) -> str:
        """Which signal asks this process to stop, in words; empty if none does."""
        number = self._ranks.own.signal or self._ranks.agreed.signal
        return f"stopped by {signal.Signals(number).name}" if number else ""

    def __enter__(self) -> "Interruption":
        self._usual = {number: signal.signal(number, self._take_note) for number in _SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)

    def _take_note(self, number: int, frame: types.FrameType | None) -> None:
        self._ranks.own.signal = number
        self.__exit__()

    def check(self) -> None:
        """Raises Interrupted if a signal came."""
        if self._ranks.agreed.signal:
            raise Interrupted(self.reason)
