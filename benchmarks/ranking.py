"""Whether the benchmark ranks: the reference submissions on tiny workloads, with their own points.

    python -m benchmarks.ranking --out DIR [--jobs N] [--submissions S ...] [--workloads W ...]

Plans and runs a campaign for each submission, and scores all of them together: time to target, score
and rank with intervals. Given again, the same command goes on where it stopped. A submission's points
are those of its search_space.json in their order; from a space they are drawn, as any study draws them.
They were tuned for the full workloads and are not tuned for these: what this shows is how they do
here, and nothing beyond it. A trial ends at its workload's step hint, where most schedules have come
to 0. Each process has one thread; `--jobs` is to leave each a processor to itself.
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cli import campaign, plan
from harness import provenance
from harness.submission import names
from scoring import score
from spec import loading

# Different in kind, each with five points of its own or a space.
SUBMISSIONS = ("adamw", "distributed_shampoo", "nadamw", "nesterov", "schedule_free_adamw_v2")
WORKLOADS = ("tiny/criteo1tb", "tiny/mnist", "tiny/ogbg")
RULES = "v0.6"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tiny = [name for name in loading.names("workloads") if name.startswith("tiny/")]
    parser.add_argument("--out", type=Path, required=True, help="folder of plans and run folders")
    parser.add_argument("--backend", choices=["jax", "pytorch"], default="pytorch")
    parser.add_argument("--submissions", nargs="+", choices=names(), default=list(SUBMISSIONS))
    parser.add_argument("--workloads", nargs="+", choices=tiny, default=list(WORKLOADS))
    parser.add_argument("--points", type=int, default=5, help="of each submission, at most")
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time")
    parser.add_argument("--max-steps", type=int, help="of a trial (default: the step hint)")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    start = time.monotonic()
    for submission in chosen.submissions:
        for workload in chosen.workloads:
            with _said_beside():
                status = run(chosen, submission, workload)
            if status > 1:
                return status
    print("\n".join(description(chosen)))
    print(f"{(time.monotonic() - start) / 60:.1f} minutes this time\n", flush=True)
    runs = str(chosen.out / "runs")
    return score.main([runs, "--workloads", "present", "--rules", RULES])


def run(chosen: argparse.Namespace, submission: str, workload: str) -> int:
    """Makes the plan, if it is not there yet, and runs what is left of it."""
    hint = loading.load_workload(workload).rules[RULES].step_hint
    place = Path(submission) / workload.replace("/", "_")
    path = chosen.out / "plans" / place.with_suffix(".textproto")
    options = ["--backend", chosen.backend, "--workloads", workload, "--studies", "1"]
    options += ["--max-steps", str(chosen.max_steps or hint)]
    options += ["--trials", str(chosen.points), "--rules", RULES, "--out", str(path)]
    if not path.exists() and (status := plan.main([submission, *options])):
        return status
    out = chosen.out / "runs" / place
    jobs = ["--jobs", str(chosen.jobs)]
    return campaign.main([str(path), "--out", str(out), *jobs, "--without-preflight"])


def description(chosen: argparse.Namespace) -> Iterator[str]:
    """What was run, and on what."""
    machine = provenance.collect(sys.argv)
    memory = machine.memory_bytes / 2**30
    yield f"{chosen.backend}, {machine.cpu}, {machine.num_cpus} processors, {memory:.0f} GiB"
    yield f"commit {machine.commit}{' and changes' if machine.modified else ''}"
    steps = chosen.max_steps or "its step hint"
    yield f"at most {chosen.points} points, one study; a trial ends after {steps} steps"
    yield f"{chosen.jobs} trials at a time, one thread each"
    yield _subset("submissions", chosen.submissions, len(names()))
    num_tiny = sum(name.startswith("tiny/") for name in loading.names("workloads"))
    yield _subset("tiny workloads", chosen.workloads, num_tiny)


def _subset(what: str, chosen: Sequence[str], number: int) -> str:
    return f"{len(chosen)} of {number} {what}: {', '.join(chosen)}"


@contextlib.contextmanager
def _said_beside() -> Iterator[None]:
    """What the commands print goes to standard error: standard output is for the tables."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


if __name__ == "__main__":
    sys.exit(main())
