"""Prints what `--isolate` adds to a step: the exchange of messages, and the way of a batch.

    python -m benchmarks.isolation_overhead [--steps N]

The submission takes a batch and changes nothing, on the fake backend of the tests, so that a step is
the harness's cost alone. `median` is of the repetitions, each of so many steps.
"""

import argparse
import contextlib
import functools
import itertools
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from harness import fakes, run_folder, submission
from harness.backend import Batch
from harness.clock import Clock
from harness.experiment import Experiment
from harness.fakes import FakeBackend, Machine
from harness.interruption import Interruption
from harness.isolation import SetUp, isolated
from harness.submission import Source, Submission
from harness.trial import run_trial
from spec.event_pb2 import TrialStarted
from spec.submission_pb2 import Framework

REPETITIONS = 5
BATCH_BYTES = (0, 2**20, 2**26)
SUBMISSION = """
def get_batch_size(workload_name):
    return 4

def init_optimizer_state(*arguments):
    return 0

def data_selection(workload, input_queue, *others):
    return next(input_queue)

def update_params(*, optimizer_state, current_param_container, model_state, **others):
    return optimizer_state, current_param_container, model_state
"""


def train_batches(num_bytes: int, start: int) -> Iterator[Batch]:
    return itertools.repeat({"inputs": np.ones(num_bytes, np.uint8)})


def parts(
    num_bytes: int,
    source: Source,
    trial: TrialStarted,
    load: Callable[[Source], Submission] = submission.load,
) -> Experiment:
    backend, code = FakeBackend(Machine()), load(source)
    batches = functools.partial(train_batches, num_bytes)
    return Experiment(backend, code, None, batches, fakes.eval_batches)


def step_sec(place: Path, num_bytes: int, num_steps: int, is_isolated: bool) -> float:
    """Timed seconds per step of one trial."""
    module = place / "nothing.py"
    module.write_text(SUBMISSION)
    source = submission.find(str(module), module, Framework.JAX)
    trial = TrialStarted(
        workload=fakes.WORKLOAD,
        ruleset=fakes.RULESET,
        framework=Framework.JAX,
        budget_sec=1e9,
        step_limit=num_steps,
    )
    trial.workload.rules["v0.6"].eval_period_sec = 1e9
    clock = Clock(trial.ruleset.timing.timed)
    log, lock = run_folder.create(place / "run", trial, source, clock)
    set_up: SetUp = functools.partial(parts, num_bytes, source)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(log))
        stack.enter_context(contextlib.closing(lock))
        if is_isolated:
            inside = isolated(set_up, "harness.fake_worker", trial, clock, place / "run")
            set_up = stack.enter_context(inside)
        ended = run_trial(trial, set_up, clock, log, Interruption())
    assert ended.global_step == num_steps, ended.message
    return clock.timed_sec / num_steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=300, help="of one repetition (default: 300)")
    arguments = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"microseconds per step, {REPETITIONS} repetitions of {arguments.steps} steps")
    print(f"{'batch':>10} {'isolated':>9} {'median':>10} {'least':>10} {'most':>10}")
    for num_bytes, is_isolated in itertools.product(BATCH_BYTES, (False, True)):
        costs = []
        for _ in range(REPETITIONS):
            with tempfile.TemporaryDirectory() as folder:
                costs.append(step_sec(Path(folder), num_bytes, arguments.steps, is_isolated) * 1e6)
        figures = [statistics.median(costs), min(costs), max(costs)]
        how = "yes" if is_isolated else "no"
        print(f"{num_bytes:>10,} {how:>9} " + " ".join(f"{figure:10.1f}" for figure in figures))


if __name__ == "__main__":
    main()
