"""`tandem plan`: all trials of a campaign, fixed and written down before anything runs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from campaigns import plan as plans
from cli.tables import Row, print_table
from harness import assembly, command, submission
from harness.errors import UsageError
from spec import loading
from spec.command_line import USAGE_ERROR, OneLineParser
from spec.plan_pb2 import Plan
from spec.ruleset_pb2 import Ruleset
from spec.submission_pb2 import Framework
from spec.user_paths import user_path

MAX_POINTS = 20  # that are listed one by one


def main(argv: Sequence[str]) -> int:
    """Runs `tandem plan`; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        plan = make(arguments)
        path = _path(arguments, plan)
        plans.write(plan, path)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    _print(plan, arguments.price_per_hour)
    print(f"\nwrote {path}; `tandem campaign {path}` runs it")
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="tandem plan", description=__doc__, allow_abbrev=False)
    add, count = parser.add_argument, command.integer(1, 10**6)
    # fmt: off
    add("submission", help="folder in submissions/, or path of such a folder or a Python file")
    add("--backend", choices=["jax", "pytorch"], required=True, help="framework to run it on")
    add("--rules", default="v0.6", metavar="VERSION", help="version of the rules (default: v0.6)")
    add("--ruleset", choices=["external", "self"], default="external",
        help="how it is tuned (default: external)")
    add("--workloads", type=lambda text: text.split(","), metavar="A,B,...",
        help="workloads to train (default: those that the ruleset scores)")
    add("--studies", type=count, metavar="N", help="number of studies (default: the ruleset's)")
    add("--trials", type=count, metavar="N", help="trials of a study (default: the ruleset's)")
    add("--hparams", metavar="FILE",
        help="external: search space or list of points to use, not the submission's own")
    add("--seed", type=command.integer(0, 2**64 - 1), default=0, metavar="N",
        help="what the seeds of the trials follow from (default: 0)")
    add("--max-steps", type=command.integer(1, 2**63 - 1), default=0, metavar="N",
        help="end each trial after this many steps")
    add("--price-per-hour", type=_price, metavar="X", help="of the machine, in any currency")
    add("--out", metavar="FILE",
        help="the plan (default: plans/<submission>-<backend>-<rules>-<ruleset>.textproto)")
    # fmt: on
    return parser


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if not 0 <= price < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number from 0")
    return price


def make(arguments: argparse.Namespace) -> Plan:
    """The plan that the arguments ask for."""
    loading.one_of(arguments.rules, loading.ruleset_versions(), "version of the rules")
    ruleset = loading.load_ruleset(arguments.rules, arguments.ruleset)
    framework = Framework.Value(arguments.backend.upper())
    path = user_path(arguments.submission)
    source = submission.find(arguments.submission, path, framework)
    is_own = arguments.submission in submission.names()
    names = arguments.workloads or assembly.scored_workloads(ruleset)
    return plans.make(
        arguments.submission if is_own else str(path),
        source,
        framework,
        ruleset,
        [command.runnable_workload(name) for name in dict.fromkeys(names)],
        command.search_space(arguments.hparams, ruleset, source),
        num_studies=arguments.studies or ruleset.num_studies,
        num_trials=arguments.trials or ruleset.trials_per_study,
        seed=arguments.seed,
        max_steps=arguments.max_steps,
    )


def _path(arguments: argparse.Namespace, plan: Plan) -> Path:
    if arguments.out:
        return user_path(arguments.out)
    name = Path(plan.submission).stem
    rules = f"{arguments.rules}-{arguments.ruleset}"
    return user_path(f"plans/{name}-{arguments.backend}-{rules}.textproto")


def _print(plan: Plan, price_per_hour: float | None) -> None:
    ruleset = plan.ruleset
    num_studies = len({point.study for point in plan.points})
    tuning = Ruleset.Tuning.Name(ruleset.tuning).lower()
    print(f"{Path(plan.submission).stem} by the rules {ruleset.version}, {tuning} tuning\n")
    print_table(_workload_rows(plan, price_per_hour))
    print("hours are timed ones, at most; evaluations come on top")
    print(f"\n{num_studies} studies, {len(plan.points)} points, each for every workload")
    rows: list[Row] = [("study", "trial", "seed", "hyperparameters")]
    for point in plan.points[:MAX_POINTS]:
        rows.append((point.study, point.trial, point.seed, point.hyperparameters or "none"))
    print_table(rows)
    if len(plan.points) > MAX_POINTS:
        print(f"  and {len(plan.points) - MAX_POINTS:,} more, in the file")


def _workload_rows(plan: Plan, price_per_hour: float | None) -> list[Row]:
    """One row a workload, with header and total; cost only where there is a price."""
    num_points = len(plan.points)
    rows: list[list[object]] = [["workload", "trials", "hours a trial", "hours", "step limit"]]
    hours = [num_points * workload.budget_sec / 3600 for workload in plan.workloads]
    for workload, needed in zip(plan.workloads, hours, strict=True):
        limit = f"{workload.step_limit:,}" if workload.step_limit else "-"
        each, altogether = f"{needed / num_points:,.2f}", f"{needed:,.1f}"
        if not workload.budget_sec:
            each, altogether = "unlimited", "unlimited"
        rows.append([workload.name, f"{num_points:,}", each, altogether, limit])
    rows.append(["total", f"{num_points * len(hours):,}", "", f"{sum(hours):,.1f}", ""])
    if price_per_hour is not None:
        costs = [f"{needed * price_per_hour:,.2f}" for needed in [*hours, sum(hours)]]
        for row, cost in zip(rows, ["cost", *costs], strict=True):
            row.append(cost)
    return list(rows)
