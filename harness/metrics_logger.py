"""The scalars that a submission logs while it is on the clock."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import printable
from harness.events import EventLog
from spec.event_pb2 import Remark, ScalarMetrics

# Where the types come from whose conversion does not run somebody else's code.
_KNOWN_PACKAGES = frozenset({"builtins", "numpy", "jax", "jaxlib", "torch"})
_LAST_STEP = 2**63 - 1  # that an event can hold
Logged = list[tuple[int, dict[str, Any]]]  # steps and what was logged at them


class MetricsLogger:
    """`workload.metrics_logger` as submissions see it.

    A logged value may be a device array that is still being computed. Only a reference is kept; it
    is converted and written in the next segment that is not timed, so that logging never waits for
    a device on the clock.

    Attributes:
      before_write: called first by `write`; another process may have something to add.
    """

    def __init__(self) -> None:
        self.before_write: Callable[[], None] = lambda: None
        self._waiting: Logged = []

    def append_scalar_metrics(self, metrics: Mapping[str, Any], global_step: int) -> None:
        """Takes note of scalars: numbers or arrays with one entry.

        Raises:
          TypeError, ValueError: the step is no whole number from 0 on, or the metrics are no mapping.
        """
        step = operator.index(global_step)
        if not 0 <= step <= _LAST_STEP:
            raise ValueError(f"global_step is {step}, expected a step from 0 on")
        named = {printable(name): _kept(value) for name, value in dict(metrics).items()}
        self._waiting.append((step, named))

    def take(self) -> Logged:
        """What was logged since the last call."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def write(self, log: EventLog) -> None:
        """Writes what was logged since the last call. What is no number becomes a remark."""
        self.before_write()
        for step, metrics in self.take():
            numbers = {}
            for name, value in metrics.items():
                try:
                    numbers[name] = float(value)
                except Exception as error:  # a failed device raises its own kinds
                    reason = f"scalar {name!r} of step {step} is left out: {error}"
                    log.append(remark=Remark(message=printable(reason)))
            log.append(scalar_metrics=ScalarMetrics(global_step=step, metrics=numbers))


def _kept(value: Any) -> Any:
    """The value, for later, if it is a number or a framework's array. Anything else is converted at
    once, while the submission pays for what that takes.
    """
    if type(value).__module__.partition(".")[0] in _KNOWN_PACKAGES:
        return value
    try:
        return float(value)
    except Exception as error:
        return printable(error)  # no number: it becomes a remark
