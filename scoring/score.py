"""The command `tandem score`: from logs to a leaderboard.

python -m scoring.score LOGS... --rules v0.5 --ruleset external --out report
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path

import numpy as np

from scoring import tables
from scoring.audit import Finding, findings
from scoring.board import Board, CrashedTrialsError, assess
from scoring.export import ExportError, write_trials
from scoring.merging import by_framework, merge
from scoring.readers.logs import collect
from scoring.records import Ledger, Problem, Trial, natural, only_made_for, printable
from scoring.report.page import page
from scoring.rules import Rules, as_official, resolve
from spec import ruleset_pb2
from spec.command_line import USAGE_ERROR, OneLineParser, print_any_name
from spec.files import write_text
from spec.loading import SpecError, load_ruleset
from spec.user_paths import output_path, user_path

# Trials that are listed one by one in the terminal.
MAX_LISTED = 40
MAX_ERRORS = 20
MAX_NOTES = 5
# What --out writes, beside figures.
FILES = ("scores.json", "scores.csv", "times.csv", "trials.csv", "audit.csv", "report.html")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status.

    0: scored. 1: logs are malformed under --strict, or trials crashed under --on-crash refuse. 2:
    nothing to score, or no way to do what was asked.
    """
    print_any_name()
    parser = _parser()
    args = parser.parse_args(argv)
    if missing := [str(place) for place in args.logs if not os.path.exists(place)]:
        parser.error(f"LOGS not found: {', '.join(missing)}")
    if args.figures and not args.out:
        parser.error("--figures needs --out")
    found = collect(args.logs)
    try:
        made_for = _made_for(args, found.trials)
    except SpecError as error:
        parser.error(str(error))
    ledger = merge(only_made_for(found, *made_for))
    _print_problems(ledger.problems)
    if args.strict and any(problem.is_error for problem in ledger.problems):
        print("error: malformed logs (--strict)", file=sys.stderr)
        return 1
    if not ledger.trials:
        print(
            "error: no trials found; LOGS are run folders, official log folders, tidy csv",
            file=sys.stderr,
        )
        return USAGE_ERROR
    try:
        rules = _rules(args, _ruleset(made_for, ledger.trials), ledger.trials)
        split = by_framework(ledger, rules.counted)
        _print_problems(split.problems[len(ledger.problems) :])
        return _score(args, rules, split)
    except BrokenPipeError:  # the reader of the output has seen enough
        raise
    except (SpecError, ExportError, OSError) as error:  # OSError: --out or --export is no folder
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except CrashedTrialsError as error:
        print(f"error: --on-crash refuse: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="tandem score", description="Score logs of trials.")
    add = parser.add_argument
    # fmt: off
    add("logs", nargs="+", type=user_path, metavar="LOGS",
        help="run folders, official log folders, tidy csv files (.xz too), tar archives of them")
    add("--rules", choices=["v0.5", "v0.6"], help="default: what the logs record, else v0.6")
    add("--ruleset", choices=["external", "self"],
        help="default: what the logs record, else external")
    add("--method", choices=["documented", "official"], default="documented",
        help="as the benchmark's documents say (default), or to the digit as its code computes")
    add("--workloads", metavar="present|A,B,...",
        help="score these workloads instead of the ruleset's; the result is no AlgoPerf score")
    add("--on-crash", choices=["miss", "exclude", "refuse"], default="miss",
        help="what a crashed trial counts as (default: a miss)")
    add("--out", type=output_path, metavar="FOLDER",
        help="write scores.json, tables as csv and report.html")
    add("--audit", action="store_true", help="check the logs; into the page and audit.csv too")
    add("--figures", action="store_true", help="with --out: draw the analyses as svg")
    add("--export", type=output_path, metavar="FOLDER",
        help="write the trials in the official layout")
    add("--seed", type=_at_least(0), default=0, help="of the resampling for intervals (default: 0)")
    add("--resamples", type=_at_least(1), default=1000, help="for intervals (default: 1000)")
    add("--strict", action="store_true", help="malformed logs are an error")
    # fmt: on
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    """Reader of an argument that is a whole number from `least`."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from {least}")
        return int(text)

    return read


def _rules(
    args: argparse.Namespace, ruleset: ruleset_pb2.Ruleset, trials: Sequence[Trial]
) -> Rules:
    """What counts, by the method and the workloads that are asked for."""
    if args.workloads is None:
        rules = resolve(ruleset, trials)
        return as_official(rules) if args.method == "official" else rules
    if args.workloads != "present":
        names = [name.strip() for name in args.workloads.split(",") if name.strip()]
        if not names:
            raise SpecError("--workloads names no workload, expected present or A,B,...")
        return resolve(ruleset, trials, list(dict.fromkeys(names)))
    present = resolve(ruleset, trials, [])
    if not present.workloads:
        unknown = "; ".join(present.unknown.values())
        raise SpecError(f"no workload of the logs has rules under {ruleset.version}: {unknown}")
    return resolve(ruleset, trials, list(present.workloads))


def _made_for(args: argparse.Namespace, trials: Sequence[Trial]) -> tuple[str, str]:
    """Version and tuning that are asked for; else those that the logs agree on, else v0.6 external.

    Raises:
      SpecError: the logs are of several rulesets, of none by which they would be scored. A trial of
      one would count as another log of its namesake of the other.
    """
    asked = (args.rules, args.ruleset)
    stated = {trial.facts.made_for for trial in trials if all(trial.facts.made_for)}
    fitting = {
        made for made in stated if all(a in (None, m) for a, m in zip(asked, made, strict=True))
    }
    only = fitting or stated
    version, tuning = next(iter(only)) if len(only) == 1 else ("v0.6", "external")
    chosen = (args.rules or version, args.ruleset or tuning)
    if not trials or len(stated) == 1 or all(asked):
        return chosen
    if not stated:
        what = "the logs do not say which ruleset they were made for"
    else:
        what = f"the logs are of {', '.join(sorted(map(' '.join, stated)))}"
    if stated and chosen not in stated:
        raise SpecError(f"{what}; choose with --rules and --ruleset")
    print(f"note: {what}; by {' '.join(chosen)}, see --rules and --ruleset", file=sys.stderr)
    return chosen


def _ruleset(made_for: tuple[str, str], trials: Sequence[Trial]) -> ruleset_pb2.Ruleset:
    """The specification's ruleset, or the one that the logs record where it has none.

    Raises:
      SpecError: there is none, or the logs do not agree on it.
    """
    try:
        return load_ruleset(*made_for)
    except SpecError:
        recorded = {
            trial.facts.ruleset.SerializeToString(deterministic=True): trial
            for trial in trials
            if trial.facts.made_for == made_for and trial.facts.ruleset is not None
        }
        if len(recorded) > 1:
            places = ", ".join(trial.origin for trial in recorded.values())
            what = f"logs do not agree on the ruleset {' '.join(made_for)}: it differs in {places}"
            raise SpecError(what) from None
        if not recorded:
            raise
        (trial,) = recorded.values()
        assert trial.facts.ruleset is not None
        return trial.facts.ruleset


def _score(args: argparse.Namespace, rules: Rules, ledger: Ledger) -> int:
    board = assess(ledger.trials, rules, method=args.method, on_crash=args.on_crash)
    found = findings(board) if args.audit else None
    present = {trial.workload for trial in ledger.trials}
    result = None
    if not present.isdisjoint(rules.base):
        result = tables.report(
            board,
            seed=args.seed,
            num_resamples=args.resamples,
            problems=ledger.problems,
            is_standard=args.workloads is None,
        )
    # Files first: whoever has read enough of the output ends the command, and loses none of them.
    written = []
    if args.export:
        written.append(
            f"{write_trials(ledger.trials, args.export, args.logs)} trials written to {args.export}"
        )
    if args.out:
        written += _write(args.out, board, result, found, with_figures=args.figures)
    if len(ledger.trials) <= MAX_LISTED:
        print(f"\n{tables.trials_text(board)}")
    if found is not None:
        print(f"\n{len(found)} findings\n\n{tables.audit_text(found)}")
    if result is None:
        _print_no_score(rules, present)
    else:
        for note in _notes(board, present):
            print(f"note: {printable(note)}")
        _print_scores(args, result)
    for line in written:
        print(f"\n{line}")
    return 0


def _print_no_score(rules: Rules, present: Set[str]) -> None:
    print(f"\nNo score: none of the workloads of {rules.name} occurs in the logs.")
    if present.isdisjoint(rules.workloads):
        print(f"None of those that do has rules under {rules.ruleset.version}.")
    else:
        print("Score the workloads that do with: --workloads present")


def _print_scores(args: argparse.Namespace, result: tables.Report) -> None:
    board = result.board
    print(f"\n{result.title}; a crashed trial: {args.on_crash}\n")
    print(tables.leaderboard_text(result))
    print("\nMedian seconds to target (- not reached, empty not run)\n")
    print(tables.times_text(board))
    if len(board.submissions) > 1:
        print("\nGeometric means over the workloads: of times to target, and its inverse\n")
        print(tables.speed_ups_text(board))


def _notes(board: Board, present: Set[str]) -> Iterator[str]:
    """What is missing from the logs, or too much there, and may explain a score."""
    rules = board.rules
    for why in rules.unknown.values():
        yield f"not scored: {why}"
    if missing := [name for name in rules.base if name not in present]:
        yield f"no logs at all for {', '.join(missing)}: counted as not reached"
    entered = {trial.submission for trial in board.trials}
    for name in sorted(entered.difference(board.submissions), key=natural):
        yield f"{name} ran no workload that counts: not on the leaderboard"
    num_studies, num_trials = rules.ruleset.num_studies, rules.ruleset.trials_per_study
    for name, ran in zip(board.submissions, ~np.isnan(board.arrays.time_sec), strict=True):
        studies, trials = int(ran.any((0, 2)).sum()), int(ran.sum(-1).max())
        if studies < num_studies:
            yield f"{name} has {studies} of {num_studies} studies: scored over those"
        if studies > num_studies:
            yield f"{name} has {studies} studies, the ruleset {num_studies}: scored over all"
        if trials > num_trials:
            yield f"{name} has {trials} trials in a study, the ruleset {num_trials}: all count"


def _write(
    folder: Path,
    board: Board,
    result: tables.Report | None,
    found: Sequence[Finding] | None,
    *,
    with_figures: bool,
) -> list[str]:
    """Writes the report, or without one the ledger of trials alone, and removes what an earlier one
    left there that this one does not have. Returns lines that say what was written.
    """
    texts = {"trials.csv": tables.trials_csv(board)}
    if result is not None:
        data = tables.as_json(result)
        texts |= {
            "scores.json": json.dumps(data, indent=1, allow_nan=False) + "\n",
            "scores.csv": tables.scores_csv(data),
            "times.csv": tables.times_csv(data),
            "report.html": page(result, found),
        }
    if found is not None:
        texts["audit.csv"] = tables.audit_csv(found)
    for name in sorted(FILES):
        if name in texts:
            write_text(folder / name, texts[name])
        else:
            (folder / name).unlink(missing_ok=True)
    written = [f"written to {folder}: {', '.join(sorted(texts))}"]
    if with_figures and result is not None:
        from scoring.figures import write_figures  # loads matplotlib

        number = len(write_figures(result, folder / "figures"))
        written.append(f"{number} figures in {folder / 'figures'}")
    elif (folder / "figures").is_dir():
        from scoring.figures import remove_figures

        remove_figures(folder / "figures")
    return written


def _print_problems(all_problems: Sequence[Problem]) -> None:
    """The first of each kind; the page lists more."""
    for kind, is_error, most in (("error", True, MAX_ERRORS), ("note", False, MAX_NOTES)):
        problems = [problem for problem in all_problems if problem.is_error == is_error]
        for problem in problems[:most]:
            print(f"{kind}: {problem}", file=sys.stderr)
        if len(problems) > most:
            print(f"{kind}: {len(problems) - most} more", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
