"""The command: run cases and print a table.

python -m conformance.report.command [--workload PATTERN] [--scale tiny|full] [--level LEVEL ...]
                             [--json FILE] [--report DIR]
python -m conformance.report.command --golden DIR [--float64] [--workload PATTERN] [--json FILE]
                                     [--report DIR]
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

from google.protobuf import json_format
from rich.console import Console
from rich.table import Table

from conformance import processes, runner
from conformance.golden import golden
from conformance.report import coverage, history, junit, page
from spec.command_line import USAGE_ERROR, OneLineParser
from spec.conformance_pb2 import (
    FULL,
    ConformanceReport,
    Level,
    Measurement,
    Scale,
    WorkloadReport,
)
from spec.files import write_text
from spec.loading import SpecError
from spec.user_paths import user_path

WIDTH = 150  # of what is printed to a file


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 when everything passed, 1 when something did not, 2 for wrong arguments."""
    parser = OneLineParser(
        prog="tandem conform",
        description="Compare the JAX and the PyTorch backend, level by level.",
    )
    parser.add_argument(
        "--workload",
        action="append",
        metavar="PATTERN",
        help="name or shell pattern; repeat for several (default: all)",
    )
    parser.add_argument(
        "--scale",
        choices=["tiny", "full"],
        help="only cases of this size; full ones take up to 16 GB "
        "(default: tiny, or both with --workload)",
    )
    names = [Level.Name(level).lower() for level in runner.LEVELS]
    parser.add_argument(
        "--level", action="append", choices=names, help="repeat for several (default: all)"
    )
    parser.add_argument(
        "--json", type=user_path, metavar="FILE", help="also write the report as JSON to this file"
    )
    parser.add_argument(
        "--report",
        type=user_path,
        metavar="DIR",
        help="also write report.json, junit.xml and index.html, a page that needs no network",
    )
    parser.add_argument(
        "--golden",
        type=user_path,
        metavar="DIR",
        help="instead compare both with the golden vectors in this folder",
    )
    parser.add_argument(
        "--float64",
        action="store_true",
        help="with --golden: compare with PyTorch in float64 too, to see what is rounding",
    )
    options = parser.parse_args(argv)
    if options.float64 and not options.golden:
        parser.error("--float64 goes with --golden; cases say themselves what is computed in it")
    if options.golden and options.level:
        parser.error("--golden has levels of its own; leave out --level")
    try:
        report = golden_report(options) if options.golden else cases_report(options)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    if not options.golden:  # whose folder alone says what is to be compared
        report.not_covered.extend(coverage.missing(report))
    if report.not_covered:
        gaps = "; ".join(line.partition(":")[0] for line in report.not_covered)
        print(f"not covered (--report has the names): {gaps}")
    if options.json:
        write_text(options.json, json_format.MessageToJson(report))
    if options.report:
        write_text(options.report / "report.json", json_format.MessageToJson(report))
        write_text(options.report / "junit.xml", junit.text(report))
        write_text(options.report / "index.html", page.html(report, history.results()))
    return 0 if all(map(runner.passed, report.workloads)) else 1


def golden_report(options: argparse.Namespace) -> ConformanceReport:
    """Compares with golden vectors; prints a line per file and quantity."""
    report = ConformanceReport()
    for path in golden.files(options.golden, options.workload or ["*"]):
        reports = list(golden.run(path, float64=options.float64))
        report.workloads.extend(reports)
        for line in golden.lines(reports):
            print(line, flush=True)
    return report


def cases_report(options: argparse.Namespace) -> ConformanceReport:
    """Runs the chosen cases; prints a table."""
    names = [Level.Name(level).lower() for level in runner.LEVELS]
    levels = [
        level for level in runner.LEVELS if Level.Name(level).lower() in (options.level or names)
    ]
    cases = [runner.load_case(name) for name in runner.select(options.workload or ["*"])]
    scale = options.scale or (None if options.workload else "tiny")
    cases = [case for case in cases if scale in (None, Scale.Name(case.scale).lower())]
    if not cases:
        raise SpecError(f"no case of scale {scale} fits {', '.join(options.workload)}")
    report = ConformanceReport()
    large = any(case.scale == FULL for case in cases)
    with processes.running(optimized=large) as testees:
        for case in cases:
            print(f"{case.workload} ...", file=sys.stderr, flush=True)
            report.workloads.append(runner.run_case(testees, case, levels))
    print_table(report, levels)
    return report


def print_table(report: ConformanceReport, levels: Sequence[Level]) -> None:
    """A row per workload; each cell has the worst error beside its bound. Failures follow, one line
    each.
    """
    table = Table(title="Largest error / bound at each level")
    table.add_column("workload")
    for level in levels:
        table.add_column(Level.Name(level).lower(), justify="right")
    table.add_column("sec", justify="right")
    for workload in report.workloads:
        worst = runner.worst(workload)
        cells = [cell(workload, level, worst) for level in levels]
        table.add_row(workload.workload, *cells, f"{workload.wall_sec:.0f}")
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(table)
    for workload in report.workloads:
        for line in runner.failures(workload):
            console.print(line, style="red", markup=False, soft_wrap=True)


def cell(workload: WorkloadReport, level: Level, worst: Mapping[Level, Measurement]) -> str:
    if Level.Name(level) in workload.not_run:
        return "[red]not run[/red]"
    if level not in worst or worst[level].quantity == runner.NOTHING:
        return "-"
    measurement = worst[level]
    text = f"{measurement.error:.1e} / {measurement.bound:.0e}" if measurement.error else "equal"
    if measurement.passed:
        return text
    return (
        f"[yellow]known {text}[/yellow]" if measurement.known_failure else f"[red]FAIL {text}[/red]"
    )


if __name__ == "__main__":
    sys.exit(main())
