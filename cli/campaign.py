"""`tandem campaign`: runs the trials of a plan. Giving the command again goes on where it stopped."""

import argparse
import collections
import contextlib
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from campaigns import local, progress, task
from campaigns import plan as plans
from campaigns.task import Results, Task
from harness import command, display, sandbox
from harness.errors import UsageError
from harness.lock import RunLock
from inputs import storage
from preflight import passes
from spec.command_line import USAGE_ERROR, OneLineParser
from spec.plan_pb2 import Plan
from spec.submission_pb2 import Framework
from spec.user_paths import user_path

_EPILOG = """\
Exit status: 0 every trial has come to its end; 1 some failed, or could not be brought to an end; 2
the command was wrong and nothing was run; 130, 143 stopped by SIGINT, by SIGTERM.
"""


def main(argv: Sequence[str]) -> int:
    """Runs `tandem campaign`; returns the exit status."""
    parser = OneLineParser(
        prog="tandem campaign", description=__doc__, epilog=_EPILOG, allow_abbrev=False
    )
    add, count = parser.add_argument, command.integer(1, 10**6)
    # fmt: off
    add("plan", type=user_path, metavar="PLAN", help="what `tandem plan` wrote")
    add("--out", type=user_path, metavar="DIR",
        help="folder of all run folders (default: runs/<name of the plan>)")
    add("--executor", choices=["local", "slurm"], default="local",
        help="processes of this machine (default), or jobs of a Slurm cluster")
    add("--jobs", type=count, metavar="N",
        help="trials at a time (default: as many as there are GPUs for, else one)")
    add("--devices-per-trial", type=count, metavar="N",
        help="GPUs that each trial has to itself (default: 1)")
    add("--retries", type=command.integer(0, 1000), default=2, metavar="N",
        help="further attempts for a trial that ended for no fault of its own (default: 2)")
    add("--data-dir", metavar="DIR",
        help=f"parent folder of prepared data (default: ${storage.VARIABLE} or ~/tandem_data)")
    add("--isolate", action="store_true",
        help="run each submission in a sandbox, where it sees neither files nor network (bubblewrap)")
    add("--without-preflight", action="store_true",
        help="run a submission that has no pass of `tandem preflight`")
    add("--slurm", type=_option, action="append", default=[], metavar="KEY=VALUE",
        help="option of submitit's Slurm executor: partition, time (in minutes), gpus_per_node, "
        "cpus_per_task, mem ...; can be given several times")
    # fmt: on
    arguments = parser.parse_args(argv)
    if arguments.executor == "slurm" and arguments.devices_per_trial:
        parser.error("--devices-per-trial is for local; on Slurm it is --slurm gpus_per_node=N")
    if arguments.executor == "local" and arguments.slurm:
        parser.error("--slurm goes with --executor slurm")
    arguments.slurm = dict(arguments.slurm)
    if not arguments.slurm.get("gpus_per_node", "1").isdecimal():
        parser.error("--slurm gpus_per_node: expected a number")
    root = arguments.out or user_path(f"runs/{arguments.plan.stem}")
    data_dir = str(user_path(arguments.data_dir)) if arguments.data_dir else None
    try:
        plan = plans.read(arguments.plan)
        if changes := list(plans.outdated(plan)):
            raise UsageError(f"{arguments.plan} is out of date, make another: {'; '.join(changes)}")
        if not arguments.without_preflight:
            _ask_for_pass(plan)
        num_ranks = _num_ranks(arguments, plan.framework)
        if arguments.isolate:
            _check_isolation(num_ranks)
        root.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(RunLock(root)):
            plans.write(plan, root / plans.FILE)
            make_task = functools.partial(
                task.of_trial,
                root=root,
                data_dir=data_dir,
                is_isolated=arguments.isolate,
                num_ranks=num_ranks,
            )
            every = list(map(make_task, plans.trials(plan)))
            left = [one for one in every if not progress.read(one.folder).is_final]
            _say(f"{len(every)} trials, {len(every) - len(left)} have come to their end")
            results = _run(arguments, left, root)
            status = _summarize(every, results)
            if results.stopped_by is None:
                names = [workload.name for workload in plan.workloads]
                _say(display.scoring_command(names, plan.ruleset, root))
            return status
    except (UsageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR


def _option(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not (key and sign and value):
        raise argparse.ArgumentTypeError(f"{text!r}, expected KEY=VALUE")
    return key, value


def _ask_for_pass(plan: Plan) -> None:
    """Raises UsageError unless preflight passed the submission on the plan's framework."""
    if not passes.passed(plan.submission_sha256, plan.framework):
        framework = Framework.Name(plan.framework).lower()
        raise UsageError(
            f"{plan.submission} has not passed preflight on {framework}: run `tandem preflight "
            f"{plan.submission}` first, or give --without-preflight"
        )


def _num_ranks(arguments: argparse.Namespace, framework: Framework) -> int:
    """Processes that run a trial together: PyTorch has one a GPU, JAX one for all."""
    if framework != Framework.PYTORCH:
        return 1
    if arguments.executor == "slurm":
        return int(arguments.slurm.get("gpus_per_node", 1))
    return arguments.devices_per_trial or 1 if local.visible_devices() else 1


def _check_isolation(num_ranks: int) -> None:
    """Raises UsageError where no trial could be isolated, before any is started."""
    if num_ranks > 1:
        raise UsageError(f"--isolate is for one process a trial; these would have {num_ranks}")
    if obstacle := sandbox.obstacle():
        raise UsageError(f"--isolate: {obstacle}")


def _run(arguments: argparse.Namespace, tasks: Sequence[Task], root: Path) -> Results:
    """Runs tasks on the executor that the arguments name."""
    if arguments.executor == "slurm":
        from campaigns import slurm

        return slurm.run(tasks, root, arguments.jobs, arguments.slurm, arguments.retries, _say)
    devices_per_trial = arguments.devices_per_trial or 1
    slots = local.slots(arguments.jobs, local.visible_devices(), devices_per_trial)
    return local.run(tasks, slots, arguments.retries, _say)


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # if nobody listens any more, the trials go on
        print(line, flush=True)


def _summarize(every: Sequence[Task], results: Results) -> int:
    """Prints how the trials ended; returns the exit status."""
    counts: collections.Counter[str] = collections.Counter()
    failed = []
    for one in every:
        found = progress.read(one.folder)
        counts[found.outcome or ("no outcome" if found.exists else "not started")] += 1
        if not found.is_final or found.outcome in ("OUT_OF_MEMORY", "SUBMISSION_ERROR"):
            failed.append(one)
    _say("  ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items())))
    if results.stopped_by is not None:
        _say("the same command goes on from here")
        return 128 + results.stopped_by
    for one in failed:
        _say(f"not as it should be: {one.name}, see {one.output}")
    return 1 if failed else 0
