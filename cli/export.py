"""`tandem export`: run folders in the formats of other tools."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from campaigns import overview
from campaigns.overview import Standing
from harness import events
from harness.mirror import Mirror
from spec import timeline
from spec.command_line import USAGE_ERROR, OneLineParser, print_any_name
from spec.files import write_text
from spec.user_paths import output_path, user_path

_EPILOG = """\
official: csv and JSON files in the layout of the official runner, for the official scorer.
tensorboard: scalars of evaluations and of what the submissions logged, a folder for each trial.
openmetrics: one text file that says how far every trial is, for monitoring to collect.
"""


def main(argv: Sequence[str]) -> int:
    """Runs `tandem export`; returns the exit status."""
    print_any_name()
    parser = OneLineParser(
        prog="tandem export", description=__doc__, epilog=_EPILOG, allow_abbrev=False
    )
    # fmt: off
    parser.add_argument("runs", nargs="+", type=user_path, metavar="RUNS",
                        help="run folders, campaigns or folders of them")
    parser.add_argument("--format", choices=["official", "tensorboard", "openmetrics"],
                        required=True, help="what to write")
    parser.add_argument("--out", type=output_path, required=True, metavar="PATH",
                        help="folder to write into; openmetrics: the file")
    # fmt: on
    arguments = parser.parse_args(argv)
    for place in arguments.runs:
        if not place.is_dir():
            parser.error(f"{place} is no folder")
    write = {"official": _official, "tensorboard": _tensorboard, "openmetrics": _openmetrics}
    try:
        number = write[arguments.format](arguments.runs, arguments.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    print(f"{number} trials written to {arguments.out}")
    return 0


def _official(roots: Sequence[Path], out: Path) -> int:
    from scoring.export import write_trials
    from scoring.readers.logs import read_logs

    ledger = read_logs(roots)
    for problem in ledger.problems:
        print(problem, file=sys.stderr)
    if not ledger.trials:
        raise ValueError("no trial there")
    return write_trials(ledger.trials, out, roots)


def _tensorboard(roots: Sequence[Path], out: Path) -> int:
    started = [one for one in _standings(roots) if one.progress.exists]
    for one in started:
        copy = Mirror(out / one.place.name)
        log = events.read_log(one.place.folder / events.FILE)
        for event in timeline.counted(log.events):
            copy.show(event)
    return len(started)


def _openmetrics(roots: Sequence[Path], out: Path) -> int:
    standings = _standings(roots)
    write_text(out, openmetrics(standings))
    return len(standings)


def _standings(roots: Sequence[Path]) -> list[Standing]:
    found = overview.look(overview.all_places(roots))
    if not found:
        raise ValueError("no trial there: neither a plan.textproto nor an events.jsonl")
    return found


def openmetrics(standings: Sequence[Standing]) -> str:
    """How far trials are, as OpenMetrics 1.0 has it (openmetrics.io, text format)."""
    families: dict[str, tuple[str, Callable[[Standing], float]]] = {
        "steps": ("steps taken", lambda one: one.progress.step),
        "timed_seconds": ("timed seconds used", lambda one: one.progress.timed_sec),
        "budget_seconds": ("timed seconds allowed", lambda one: one.place.budget_sec),
    }
    lines = []
    for family, (explanation, value) in families.items():
        name = f"tandem_trial_{family}"
        lines += [f"# TYPE {name} gauge", f"# HELP {name} {explanation}"]
        for one in standings:
            number = repr(value(one)).replace("inf", "+Inf")
            lines.append(f"{name}{{{_labels(one)}}} {number}")
    name = "tandem_trial_state"
    lines += [f"# TYPE {name} stateset", f"# HELP {name} how the trial stands"]
    for one in standings:
        for state in overview.STATES:
            label = f'{name}="{state}"'
            lines.append(f"{name}{{{_labels(one)},{label}}} {int(one.state == state)}")
    return "\n".join([*lines, "# EOF", ""])


def _labels(one: Standing) -> str:
    labels = {"trial": one.place.name, "workload": one.place.workload}
    if one.progress.outcome:
        labels["outcome"] = one.progress.outcome
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
