"""Prints the harness's own cost per step: what is on the clock and not the submission's call.

    python -m benchmarks.harness_overhead [--backend fake|jax|pytorch] [--steps N]

The submission changes nothing and takes no time. With the fake backend of the tests the cost is the
harness's alone; with a real one its random states and its barrier on the default workload's
parameters are in it.
"""

import argparse
import functools
import importlib
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import fakes
from harness.backend import Backend
from harness.clock import Clock
from harness.events import EventLog
from harness.experiment import Experiment
from harness.fakes import FakeBackend, Machine
from harness.interruption import Interruption
from harness.submission import Submission
from harness.trial import run_trial
from inputs import pipeline
from spec.event_pb2 import TrialStarted
from spec.loading import load_ruleset, load_workload

BOUND_MICROSECONDS = 50.0
REPETITIONS = 5
WORKLOAD, VERSION = "digits_vit", "v0.6"


def unchanged(
    *, current_param_container: Any, model_state: Any, optimizer_state: Any, **others: Any
) -> Any:
    return optimizer_state, current_param_container, model_state


def with_train_state(*, train_state: Any, **arguments: Any) -> Any:
    return unchanged(**arguments)


def with_scalars(*, workload: Any, global_step: int, **arguments: Any) -> Any:
    workload.metrics_logger.append_scalar_metrics({"loss": 1.0, "grad_norm": 2.0}, global_step)
    return unchanged(**arguments)


CASES: dict[str, Callable[..., Any]] = {
    "plain": unchanged,
    "with train_state": with_train_state,
    "two scalars logged": with_scalars,
}


def experiment(name: str, update_params: Callable[..., Any]) -> Experiment:
    functions = fakes.functions(Machine()) | {"update_params": update_params}
    functions["data_selection"] = lambda *arguments: None
    # Twice the parameters and more is what an optimizer such as Adam keeps.
    functions["init_optimizer_state"] = lambda workload, params, *others: (params, params)
    eval_batches = fakes.eval_batches
    backend: Backend = FakeBackend(Machine())
    if name != "fake":
        module = importlib.import_module(f"backends.{name}.run")
        backend = module.Backend(load_workload(WORKLOAD), VERSION)
        eval_batches = functools.partial(pipeline.eval_batches, load_workload(WORKLOAD))
    return Experiment(backend, Submission(functions), None, fakes.train_batches, eval_batches)


def overhead_sec(parts: Experiment, steps: int) -> float:
    """Timed seconds per step of a trial that evaluates after its first and its last step."""
    trial = TrialStarted(
        workload=load_workload(WORKLOAD),
        ruleset=load_ruleset(VERSION, "external"),
        budget_sec=1e9,
        step_limit=steps,
    )
    if isinstance(parts.backend, FakeBackend):
        trial.workload.CopyFrom(fakes.WORKLOAD)
    trial.workload.rules[VERSION].eval_period_sec = 1e9
    clock = Clock(trial.ruleset.timing.timed)
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder) / "events.jsonl", clock)
        ended = run_trial(trial, lambda trial: parts, clock, log, Interruption())
        log.close()
    assert ended.global_step == steps, ended.message
    return clock.timed_sec / steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", choices=["fake", "jax", "pytorch"], default="fake")
    parser.add_argument("--steps", type=int, default=3000, help="of one repetition (default: 3000)")
    arguments = parser.parse_args()
    print(
        f"harness cost per step in microseconds, {arguments.backend} backend, "
        f"{REPETITIONS} repetitions of {arguments.steps} steps"
    )
    print(f"{'case':<20} {'median':>8} {'least':>8} {'most':>8} {'bound':>8}")
    for name, update_params in CASES.items():
        parts = experiment(arguments.backend, update_params)
        costs = [overhead_sec(parts, arguments.steps) * 1e6 for _ in range(REPETITIONS)]
        figures = [statistics.median(costs), min(costs), max(costs), BOUND_MICROSECONDS]
        print(f"{name:<20} " + " ".join(f"{figure:8.1f}" for figure in figures))


if __name__ == "__main__":
    main()
