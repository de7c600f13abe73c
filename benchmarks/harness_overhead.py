"""Prints the harness's own cost per step: what is on the clock and not the submission's call.

    python -m benchmarks.harness_overhead [--steps N]

The backend is the fake one of the tests, so no framework's cost is in it.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import fakes
from harness.clock import Clock
from harness.events import EventLog
from harness.fakes import FakeBackend, Machine
from harness.interruption import Interruption
from harness.submission import Submission
from harness.trial import Experiment, run_trial
from spec.event_pb2 import TrialStarted

BOUND_MICROSECONDS = 50.0
REPETITIONS = 7


def with_train_state(update: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *, train_state, **arguments: update(**arguments)


def with_scalars(update: Callable[..., Any]) -> Callable[..., Any]:
    def update_params(*, workload: Any, global_step: int, **arguments: Any) -> Any:
        workload.metrics_logger.append_scalar_metrics({"loss": 1.0, "grad_norm": 2.0}, global_step)
        return update(workload=workload, global_step=global_step, **arguments)

    return update_params


CASES: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "plain": lambda update: update,
    "with train_state": with_train_state,
    "two scalars logged": with_scalars,
}


def overhead_sec(change: Callable[[Callable[..., Any]], Callable[..., Any]], steps: int) -> float:
    """Seconds per step on the clock, less those inside the submission's functions."""
    own = 0.0

    def measured(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal own
            begin = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                own += time.perf_counter() - begin

        return call

    functions = fakes.functions(Machine())
    functions["data_selection"] = measured(functions["data_selection"])
    inner = measured(functions["update_params"])
    functions["update_params"] = change(inner)
    backend = FakeBackend(Machine())
    parts = Experiment(
        backend, Submission(functions), None, fakes.train_batches(), fakes.eval_batches
    )
    trial = TrialStarted(
        workload=fakes.WORKLOAD, ruleset=fakes.RULESET, budget_sec=1e9, step_limit=steps
    )
    trial.workload.rules["v0.6"].eval_period_sec = 1e9
    clock = Clock(trial.ruleset.timing.timed)
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder) / "events.jsonl", clock)
        run_trial(trial, lambda trial: parts, clock, log, Interruption())
        log.close()
    return (clock.timed_sec - own) / steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--steps", type=int, default=5000, help="steps of one repetition (default: 5000)"
    )
    steps = parser.parse_args().steps
    print(f"harness cost per step in microseconds, {REPETITIONS} repetitions of {steps} steps")
    print(f"{'case':<20} {'median':>8} {'least':>8} {'most':>8} {'bound':>8}")
    for name, change in CASES.items():
        costs = [overhead_sec(change, steps) * 1e6 for _ in range(REPETITIONS)]
        figures = [statistics.median(costs), min(costs), max(costs), BOUND_MICROSECONDS]
        print(f"{name:<20} " + " ".join(f"{figure:8.1f}" for figure in figures))


if __name__ == "__main__":
    main()
