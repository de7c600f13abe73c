"""Runs the main job on both backends, one after the other, and prints their times side by side.

    python -m benchmarks.main_job [--workload W] [--seed N]

`step ms` is the median time of a step between two evaluations, with data and harness, without the
first step, which compiles. `wall sec` is the whole command, imports included.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import events
from spec.timing_pb2 import Outcome

BACKENDS = ("jax", "pytorch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="digits_vit")
    parser.add_argument("--seed", default="0")
    options = parser.parse_args()
    print(f"{options.workload}, seed {options.seed}, {os.cpu_count()} processors, ", end="")
    print(f"load {os.getloadavg()[0]:.1f} at the start")
    print(f"{'':8} {'outcome':16} {'steps':>6} {'target sec':>10} {'step ms':>8} {'wall sec':>8}")
    step_ms = {}
    with tempfile.TemporaryDirectory() as folder:
        for backend in BACKENDS:
            out = Path(folder) / backend
            start = time.monotonic()
            command = [sys.executable, "-m", f"backends.{backend}.run", "--out", str(out)]
            command += ["--workload", options.workload, "--seed", options.seed]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            wall = time.monotonic() - start
            log = events.read_log(out / events.FILE).events
            ended = log[-1].trial_ended
            step_ms[backend] = 1e3 * step_sec(log)
            outcome = Outcome.Name(ended.outcome)
            target = f"{ended.time_to_target_sec:.2f}"
            print(f"{backend:8} {outcome:16} {ended.global_step:6} {target:>10} ", end="")
            print(f"{step_ms[backend]:8.2f} {wall:8.1f}")
    ratio = step_ms["jax"] / step_ms["pytorch"]
    print(f"a JAX step takes {ratio:.2f} times as long as a PyTorch step")


def step_sec(log: list[events.Event]) -> float:
    """Median over the stretches between evaluations of timed seconds per step."""
    clocks = [event.clock for event in log if event.HasField("evaluation")]
    return statistics.median(
        (b.timed_sec - a.timed_sec) / (b.step - a.step) for a, b in itertools.pairwise(clocks)
    )


if __name__ == "__main__":
    main()
