"""The command: compare a submission in JAX with one in PyTorch, on the same gradients.

python -m conformance.port.command A [B] [--workload W] [--steps N] [--dtype T] [--trial N] [--end-to-end] [--json FILE]
    [--html FILE]
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from conformance import processes
from conformance.port import diagnosis, page, port, scaffold
from conformance.processes import Process
from harness.command import OneLineParser
from spec.files import write_text
from spec.loading import SpecError
from spec.user_paths import user_path

ROWS = 12  # of the table


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 when both sides are the same algorithm, 1 when not, 2 for wrong arguments."""
    options = _parser().parse_args(argv)
    if options.scaffold:
        return scaffold.main(_located(options.a))
    submissions = [_located(name) for name in (options.a, options.b or options.a)]
    reports = []
    try:
        with processes.running() as testees:
            for dtype in [options.dtype] if options.dtype else sorted(port.BOUNDS, reverse=True):
                question = port.Question(
                    options.workload,
                    dtype,
                    options.trial,
                    options.steps or (port.END_TO_END_STEPS if options.end_to_end else port.STEPS),
                    changes=dict(options.set or []),
                    end_to_end=options.end_to_end,
                )
                reports.append(report(testees, submissions, question))
                show(reports[-1])
    except (SpecError, processes.TesteeError) as error:
        print(f"error: {str(error).strip().splitlines()[-1]}", file=sys.stderr)
        return 2
    if options.json:
        write_text(options.json, json.dumps({"checks": reports}, indent=2) + "\n")
    if options.html:
        write_text(options.html, page.page(reports))
    return 0 if all(r["passed"] for r in reports) else 1


def report(
    testees: Sequence[Process], submissions: Sequence[str], question: port.Question
) -> dict[str, Any]:
    """What one check found, as it goes to JSON."""
    first, second = port.courses(testees, submissions, question)
    differences = port.compare(first, second, question.bound)
    passed = all(d.passed(question.bound) for d in differences)
    advice = None
    if not passed and question.end_to_end:
        advice = "not the same algorithm, or not to rounding: try without --end-to-end"
    elif not passed:
        advice = diagnosis.diagnose(first, second, submissions, question)
    return {
        "submissions": dict(zip(processes.BACKENDS, submissions, strict=True)),
        **question.arguments(),
        "bound": question.bound,
        "passed": passed,
        "diagnosis": advice,
        "parameters": [dataclasses.asdict(d) for d in differences],
    }


def show(found: dict[str, Any]) -> None:
    """Prints the parameters that differ first, or most, and what may be the cause."""
    table = Table(title=f"{found['dtype']}: difference / way moved, bound {found['bound']:g}")
    for column in ("parameter", "first step out", "worst", "at step", "update", "evaluated"):
        table.add_column(column, justify="left" if column == "parameter" else "right")
    for d in found["parameters"][:ROWS]:
        table.add_row(
            d["parameter"],
            str(d["first_step"] or "-"),
            f"{d['worst']:.1e}",
            str(d["worst_step"]),
            f"{d['worst_update']:.1e}",
            f"{d['evaluated']:.1e}",
        )
    console = Console(width=110)
    console.print(table)
    if len(found["parameters"]) > ROWS:
        console.print(
            f"and {len(found['parameters']) - ROWS} more parameters with smaller differences"
        )
    if found["passed"]:
        console.print(f"the same algorithm over {found['num_steps']} steps")
    else:
        console.print(found["diagnosis"])


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="tandem port", description=main.__doc__)
    parser.description = "Hold a submission's JAX side against a submission's PyTorch side."
    parser.add_argument("a", metavar="A", help="runs in JAX: name, or path of a folder or file")
    parser.add_argument("b", metavar="B", nargs="?", help="runs in PyTorch (default: A)")
    parser.add_argument(
        "--workload",
        default="tiny/criteo1tb",
        help="whose parameters are moved (default: %(default)s)",
    )
    parser.add_argument(
        "--steps",
        type=_number_of_steps,
        help="of which schedules fill two thirds "
        f"(default: {port.STEPS}, end to end {port.END_TO_END_STEPS})",
    )
    parser.add_argument(
        "--end-to-end",
        action="store_true",
        help="train the workload's model, instead of moving its parameters by given gradients",
    )
    parser.add_argument("--dtype", choices=sorted(port.BOUNDS), help="default: both")
    parser.add_argument(
        "--trial",
        type=int,
        default=1,
        help="which point of the search space; 0 for self-tuning (default: %(default)s)",
    )
    parser.add_argument(
        "--set",
        action="append",
        type=_assignment,
        metavar="NAME=VALUE",
        help="a hyperparameter that differs from the point; VALUE is JSON; repeat for several",
    )
    parser.add_argument(
        "--scaffold",
        action="store_true",
        help="compare nothing: write a first version of the side that A lacks",
    )
    parser.add_argument("--json", type=user_path, metavar="FILE", help="also write all numbers")
    parser.add_argument(
        "--html", type=user_path, metavar="FILE", help="also write one page with plots"
    )
    return parser


def _number_of_steps(text: str) -> int:
    if int(text) < port.FEWEST_STEPS:
        raise argparse.ArgumentTypeError(f"{text}, expected at least {port.FEWEST_STEPS}")
    return int(text)


def _assignment(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text}, expected NAME=VALUE with a JSON value"
        ) from error


def _located(name: str) -> str:
    """A path as the user means it; a name of a submission stays."""
    path = user_path(name)
    return str(path) if path.exists() else name


if __name__ == "__main__":
    sys.exit(main())
