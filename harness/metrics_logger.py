"""The scalars that a submission logs while it is on the clock."""

from collections.abc import Mapping
from typing import Any

from harness.events import EventLog
from spec.event_pb2 import Remark, ScalarMetrics


class MetricsLogger:
    """`workload.metrics_logger` as submissions see it.

    A logged value may be a device array that is still being computed. Only a reference is kept; it
    is converted and written in the next segment that is not timed, so that logging never waits for
    a device on the clock.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, dict[str, Any]]] = []

    def append_scalar_metrics(self, metrics: Mapping[str, Any], global_step: int) -> None:
        """Takes note of scalars: numbers or arrays with one entry."""
        self._waiting.append((global_step, dict(metrics)))

    def write(self, log: EventLog) -> None:
        """Writes what was logged since the last call. What is no number becomes a remark."""
        waiting, self._waiting = self._waiting, []
        for step, metrics in waiting:
            numbers = {}
            for name, value in metrics.items():
                try:
                    numbers[str(name)] = float(value)
                except Exception as error:  # a failed device raises its own kinds
                    reason = f"scalar {name!r} of step {step} is left out: {error}"
                    log.append(remark=Remark(message=reason))
            log.append(scalar_metrics=ScalarMetrics(global_step=int(step), metrics=numbers))
