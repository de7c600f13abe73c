"""Prints what plans and campaigns cost beside the trials themselves.

    python -m benchmarks.campaign [--backend jax|pytorch] [--trials N]

First `tandem plan` and `tandem status` with 10,000 trials: as planned, and with a run folder each,
made up here: seconds and the most memory of the process. On a machine that does other things too,
CPU seconds are the figure to look at. Then what a campaign adds to each trial: starting and watching
a command that does nothing, and, in a campaign of N trials of one step, what their logs say that
they took beside step and evaluation. PyTorch imports its compiler in set-up, which is most of it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from campaigns import local, overview
from campaigns import plan as plans
from campaigns.task import Task
from harness import run_folder
from harness.clock import Clock
from harness.events import EventLog, read_log
from harness.lock import RunLock
from spec.event_pb2 import Evaluation, TrialEnded, TrialStarted
from spec.loading import load_workload
from spec.timing_pb2 import Outcome, Segment

PLAN_BOUND_SEC, PLAN_BOUND_MB = 5.0, 300.0
TRIAL_BOUND_SEC = 3.0
NUM_STUDIES, NUM_TRIALS = 50, 25  # times the 8 workloads of the ruleset: 10,000 trials
NUM_EVALUATIONS = 20
WORKLOAD = "tiny/mnist"


def measured(command: Sequence[str]) -> tuple[float, float, float]:
    """Wall and CPU seconds of a command and the most memory that it had, in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed")
    cpu_sec = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, cpu_sec, usage.ru_maxrss / 1024


def make_up_runs(root: Path) -> None:
    """A run folder for each planned trial: most have ended, some were stopped."""
    for number, place in enumerate(overview.places(root)):
        place.folder.mkdir(parents=True)
        clock = Clock([Segment.STEP])
        lock, log = RunLock(place.folder), EventLog(place.folder / "events.jsonl", clock)
        trial = TrialStarted(workload=load_workload(place.workload), budget_sec=place.budget_sec)
        log.append(trial_started=trial)
        run_folder.write_description(place.folder, trial)
        for step in range(NUM_EVALUATIONS):
            evaluation = Evaluation(global_step=step, metrics={"validation/loss": 0.5})
            log.append(evaluation=evaluation)
        lock.note(NUM_EVALUATIONS, 12.5)
        if number % 10:
            log.append(trial_ended=TrialEnded(outcome=Outcome.BUDGET_EXHAUSTED))
        log.close()
        lock.close()


def plans_and_status(place: Path) -> None:
    plan, root = place / "plan.textproto", place / "runs"
    command = ["cli.main", "plan", "heavy_ball", "--backend", "jax", "--out", str(plan)]
    sizes = ["--studies", str(NUM_STUDIES), "--trials", str(NUM_TRIALS), "--hparams"]
    space = place / "space.json"
    space.write_text('{"a": {"min": 0.1, "max": 1, "scaling": "log"}, "b": {"min": 0, "max": 1}}')
    rows = {"plan": measured([*command, *sizes, str(space)])}
    root.mkdir()
    (root / plans.FILE).write_bytes(plan.read_bytes())
    rows["status, none started"] = measured(["cli.main", "status", str(root)])
    make_up_runs(root)
    rows["status, all started"] = measured(["cli.main", "status", str(root)])
    num_trials = len(list(overview.places(root)))
    print(
        f"{num_trials:,} trials{'':9} {'wall s':>8} {'CPU s':>8} {'bound':>8} {'MB':>8} {'bound':>8}"
    )
    for name, (wall, cpu, size) in rows.items():
        figures = [wall, cpu, PLAN_BOUND_SEC, size, PLAN_BOUND_MB]
        print(f"{name:22} " + " ".join(f"{figure:8.1f}" for figure in figures))


def empty_command_sec(place: Path) -> float:
    """Wall seconds from the start of one command that does nothing to that of the next."""
    number = 50
    tasks = [Task(str(n), (sys.executable, "-c", ""), {}, place / str(n)) for n in range(number)]
    bare = time.perf_counter()
    for _ in range(number):
        subprocess.run([sys.executable, "-c", ""], check=True)
    start = time.perf_counter()
    results = local.run(tasks, [{}], 0, lambda line: None)
    end = time.perf_counter()
    assert set(results.statuses.values()) == {0}
    return (end - start - (start - bare)) / number


def campaign(place: Path, backend: str, num_trials: int) -> None:
    """Where the seconds of a trial go that are neither imports nor its own work."""
    plan, root = place / "small.textproto", place / "small"
    options = f"--backend {backend} --workloads {WORKLOAD} --max-steps 1 --ruleset self".split()
    number = ["--studies", str(num_trials), "--out", str(plan)]
    measured(["cli.main", "plan", "nadamw", *options, *number])
    run = ["cli.main", "campaign", str(plan), "--out", str(root), "--without-preflight"]
    measured(run)
    clocks = [
        read_log(found.folder / "events.jsonl").events[-1].clock for found in overview.places(root)
    ]
    parts = {
        "starting and watching": empty_command_sec(place),
        "set-up of data and model": statistics.fmean(clock.set_up_sec for clock in clocks),
        "log and checkpoint": statistics.fmean(clock.record_sec for clock in clocks),
    }
    parts["together"] = sum(parts.values())
    print(f"\n{num_trials} trials of {WORKLOAD} on {backend}, wall seconds each")
    for name, seconds in parts.items():
        print(f"{name:26} {seconds:6.2f}")
    print(f"{'bound':26} {TRIAL_BOUND_SEC:6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", choices=["jax", "pytorch"], default="jax")
    parser.add_argument("--trials", type=int, default=5, help="of the campaign (default: 5)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        plans_and_status(Path(place))
        campaign(Path(place), arguments.backend, arguments.trials)


if __name__ == "__main__":
    main()
