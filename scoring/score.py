"""The command `tandem score`: from logs to a leaderboard.

python -m scoring.score LOGS... --rules v0.5 --ruleset external --out report
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from scoring import tables
from scoring.board import CrashedTrials, assess
from scoring.readers.logs import read_logs
from scoring.records import Ledger, Trial
from scoring.rules import Rules, resolve
from scoring.writing import write_text
from spec import ruleset_pb2
from spec.loading import SpecError, load_ruleset

# Trials that are listed one by one in the terminal.
MAX_LISTED = 40
MAX_PROBLEMS = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status.

    0: scored. 1: logs are malformed under --strict, or trials crashed under --on-crash refuse. 2:
    nothing to score.
    """
    args = _parser().parse_args(argv)
    ledger = read_logs(args.logs)
    _print_problems(ledger)
    if args.strict and any(problem.is_error for problem in ledger.problems):
        print("error: malformed logs (--strict)", file=sys.stderr)
        return 1
    if not ledger.trials:
        print(
            "error: no trials found; LOGS are run folders, official log folders, tidy csv",
            file=sys.stderr,
        )
        return 2
    try:
        rules = _rules(args, ledger.trials)
        return _score(args, rules, ledger)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except CrashedTrials as error:
        print(f"error: --on-crash refuse: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tandem score", description="Score logs of trials.")
    add = parser.add_argument
    add(
        "logs",
        nargs="+",
        type=Path,
        metavar="LOGS",
        help="run folders, official log folders, tidy csv files (.xz too) or tar archives of them",
    )
    add(
        "--rules",
        choices=["v0.5", "v0.6"],
        help="version; default: what the logs record, else v0.6",
    )
    add(
        "--ruleset",
        choices=["external", "self"],
        help="default: what the logs record, else external",
    )
    add(
        "--method",
        choices=["documented", "official"],
        default="documented",
        help="as the benchmark's documents say (default), or to the digit as its code computes",
    )
    add(
        "--workloads",
        metavar="present|A,B,...",
        help="score these workloads instead of the ruleset's; the result is no AlgoPerf score",
    )
    add(
        "--on-crash",
        choices=["miss", "exclude", "refuse"],
        default="miss",
        help="what a crashed trial counts as (default: a miss)",
    )
    add("--out", type=Path, metavar="FOLDER", help="write scores.json, csv tables and report.html")
    add("--seed", type=int, default=0, help="of the resampling")
    add("--resamples", type=int, default=1000, help="for intervals")
    add("--strict", action="store_true", help="malformed logs are an error")
    return parser  # fmt: skip


def _rules(args: argparse.Namespace, trials: Sequence[Trial]) -> Rules:
    ruleset = _ruleset(args, trials)
    if args.workloads is None:
        return resolve(ruleset, trials)
    if args.workloads != "present":
        return resolve(ruleset, trials, args.workloads.split(","))
    present = resolve(ruleset, trials, [])
    return resolve(ruleset, trials, list(present.workloads))


def _ruleset(args: argparse.Namespace, trials: Sequence[Trial]) -> ruleset_pb2.Ruleset:
    """The ruleset asked for; else the one that the logs agree on."""
    recorded = {
        (ruleset.version, ruleset_pb2.Ruleset.Tuning.Name(ruleset.tuning).lower()): ruleset
        for trial in trials
        if (ruleset := trial.facts.ruleset) is not None
    }
    version, tuning = next(iter(recorded)) if len(recorded) == 1 else ("v0.6", "external")
    if not recorded and not (args.rules and args.ruleset):
        print(
            f"note: the logs record no ruleset; without --rules and --ruleset: {version} {tuning}"
        )
    chosen = (args.rules or version, args.ruleset or tuning)
    try:
        return load_ruleset(*chosen)
    except SpecError:
        if chosen in recorded:
            return recorded[chosen]
        raise


def _score(args: argparse.Namespace, rules: Rules, ledger: Ledger) -> int:
    board = assess(ledger.trials, rules, method=args.method, on_crash=args.on_crash)
    for name in rules.unknown:
        print(f"note: workload {name} has no rules under {rules.ruleset.version}: not scored")
    if len(ledger.trials) <= MAX_LISTED:
        print(f"\n{tables.trials_text(board)}")
    present = {trial.workload for trial in ledger.trials}
    missing = [name for name in rules.base if name not in present]
    if len(missing) == len(rules.base):
        print(f"\nNo score: none of the workloads of {rules.name} occurs in the logs."
              "\nScore the workloads that do with: --workloads present")  # fmt: skip
        return 0
    if missing:
        print(f"\nnote: no logs at all for {', '.join(missing)}: counted as not reached")
    result = tables.report(
        board,
        seed=args.seed,
        num_resamples=args.resamples,
        problems=ledger.problems,
        is_standard=args.workloads is None,
    )
    print(f"\n{result.title}; a crashed trial: {args.on_crash}\n")
    print(tables.leaderboard_text(result))
    print(
        f"\nMedian seconds to target (- not reached, empty not run)\n\n{tables.times_text(board)}"
    )
    if args.out:
        _write(args.out, result)
    return 0


def _write(folder: Path, result: tables.Report) -> None:
    data = tables.as_json(result)
    write_text(folder / "scores.json", json.dumps(data, indent=1, allow_nan=False) + "\n")
    write_text(folder / "scores.csv", tables.scores_csv(data))
    write_text(folder / "times.csv", tables.times_csv(data))
    write_text(folder / "trials.csv", tables.trials_csv(result.board))
    print(f"\nwritten to {folder}: scores.json, scores.csv, times.csv, trials.csv")


def _print_problems(ledger: Ledger) -> None:
    """Malformed files in full, oddities in number."""
    errors = [problem for problem in ledger.problems if problem.is_error]
    notes = [problem for problem in ledger.problems if not problem.is_error]
    for kind, problems in (("error", errors), ("note", notes)):
        for problem in problems[: MAX_PROBLEMS if kind == "error" else 5]:
            print(f"{kind}: {problem}", file=sys.stderr)
        shown = MAX_PROBLEMS if kind == "error" else 5
        if len(problems) > shown:
            print(f"{kind}: {len(problems) - shown} more like these", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
