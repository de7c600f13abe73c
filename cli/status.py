"""`tandem status`: how far the trials of a campaign, or at any place, are."""

import collections
import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence

from rich.live import Live
from rich.text import Text

from campaigns import overview
from campaigns.overview import Standing
from cli.tables import Row, table
from harness.errors import printable
from spec.command_line import OneLineParser, print_any_name
from spec.user_paths import user_path

MAX_TRIALS = 40  # up to which all are listed one by one
PERIOD_SEC = 2.0


def main(argv: Sequence[str]) -> None:
    """Runs `tandem status`."""
    print_any_name()
    parser = OneLineParser(prog="tandem status", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "runs", nargs="+", type=user_path, metavar="RUNS", help="campaigns or run folders"
    )
    parser.add_argument(
        "--watch", action="store_true", help="go on looking until every trial has ended"
    )
    parser.add_argument(
        "--all", action="store_true", help=f"list every trial, even more than {MAX_TRIALS}"
    )
    arguments = parser.parse_args(argv)
    for place in arguments.runs:
        if not place.is_dir():
            parser.error(f"{place} is no folder")
    places = overview.all_places(arguments.runs)
    if not places:
        parser.error("no trial there: neither a plan.textproto nor an events.jsonl")
    with contextlib.suppress(KeyboardInterrupt):
        show(lambda: overview.look(places), arguments.watch, arguments.all)


def show(look: Callable[[], list[Standing]], watch: bool, all_trials: bool) -> None:
    """Prints how things stand; if `watch`, again and again, until every trial has ended; where standard
    output is no terminal, once at the end.
    """
    standings = look()
    with Live(auto_refresh=False, transient=True) as live:
        while watch and any(one.state != overview.ENDED for one in standings):
            if live.console.is_terminal:
                text = Text(shown(standings, all_trials), no_wrap=True, overflow="ellipsis")
                live.update(text, refresh=True)
            time.sleep(PERIOD_SEC)
            standings = look()
    print(shown(standings, all_trials))


def shown(standings: Sequence[Standing], all_trials: bool) -> str:
    """Tables of the workloads and of single trials, and when it will be over."""
    parts = [table(_workload_rows(standings))]
    rows = list(_trial_rows(standings, all_trials or len(standings) <= MAX_TRIALS))
    if rows:
        header: Row = ("trial", "state", "step", "timed s", "of budget", "ends within", "last sign")
        parts.append(table([header, *rows]))
    parts.append(_prospect(standings))
    return printable("\n\n".join(parts))


def _workload_rows(standings: Sequence[Standing]) -> list[Row]:
    """How many trials of each workload are where, and how they ended."""
    by_workload: dict[str, list[Standing]] = {}
    for one in standings:
        by_workload.setdefault(one.place.workload, []).append(one)
    rows: list[Row] = [("workload", "trials", *overview.STATES, "timed hours", "outcomes")]
    groups = [*by_workload.items()]
    if len(groups) > 1:
        groups.append(("total", list(standings)))
    for name, group in groups:
        states = collections.Counter(one.state for one in group)
        outcomes = collections.Counter(one.progress.outcome for one in group)
        del outcomes[""]
        hours = sum(one.progress.timed_sec for one in group) / 3600
        budget = sum(one.place.budget_sec for one in group) / 3600
        told = ", ".join(f"{outcome} {count:,}" for outcome, count in outcomes.most_common())
        counts = [f"{states[state]:,}" for state in overview.STATES]
        rows.append((name, f"{len(group):,}", *counts, f"{hours:,.2f} of {budget:,.2f}", told))
    return rows


def _trial_rows(standings: Sequence[Standing], all_trials: bool) -> Iterator[Row]:
    """One row for each trial that runs or was stopped, or for all."""
    now_sec = time.time()
    for one in standings:
        if not all_trials and one.state not in (overview.RUNNING, overview.STOPPED):
            continue
        found, budget_sec = one.progress, one.place.budget_sec
        state = found.outcome or one.state
        if not found.exists:
            yield one.place.name, state, "", "", "", "", ""
            continue
        used = f"{100 * found.timed_sec / budget_sec:.0f} %" if math.isfinite(budget_sec) else "-"
        sign = f"{duration(now_sec - found.last_sign_sec)} ago"
        left = duration(one.seconds_left) if one.state == overview.RUNNING else ""
        yield one.place.name, state, f"{found.step:,}", f"{found.timed_sec:,.1f}", used, left, sign


def _prospect(standings: Sequence[Standing]) -> str:
    """When all of it will be over, at most, if as many trials run at a time as now."""
    states = collections.Counter(one.state for one in standings)
    if states[overview.ENDED] == len(standings):
        return "every trial has ended"
    if not states[overview.RUNNING]:
        return "nothing runs; `tandem campaign` with the same plan goes on"
    running = [one.seconds_left for one in standings if one.state == overview.RUNNING]
    others = [one.seconds_left for one in standings if one.state != overview.RUNNING]
    left = max(max(running), (sum(running) + sum(others)) / len(running))
    return f"{len(running)} at a time: over within {duration(left)}"


def duration(seconds: float) -> str:
    """For example `45 s`, `3 min`, `2.5 h`, `11 d`."""
    if not math.isfinite(seconds):
        return "?"
    units = ((86400 * 2, 86400, "d", 1), (3600 * 2, 3600, "h", 1), (120, 60, "min", 0))
    for least, unit, name, digits in units:
        if seconds >= least:
            return f"{seconds / unit:,.{digits}f} {name}"
    return f"{max(seconds, 0):.0f} s"
