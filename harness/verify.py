"""`tandem verify`: recomputes what a run folder says of itself, and compares two runs."""

import argparse
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness import checkpoint, events, protocol, provenance, submission
from harness.errors import UsageError
from harness.run_folder import SOURCES
from spec import loading, timeline
from spec.command_line import OneLineParser
from spec.event_pb2 import Event, TrialStarted
from spec.timing_pb2 import Outcome
from spec.user_paths import user_path

_EPILOG = """\
Exit status: 0 everything that was recomputed matches, or both runs are the same experiment as far
as both went; 1 something does not match; 2 the command was wrong.
"""
_ROUNDING_SEC = 1e-6  # sums of seconds in double precision
# Ends that follow from an evaluation or a count, and can be told from the log.
_EVIDENT = (Outcome.TARGET_REACHED, Outcome.BUDGET_EXHAUSTED, Outcome.STEP_LIMIT)
# Ends whose step depends on the clock: budgets do, and so does where evaluations are.
_BY_TIME = (Outcome.TARGET_REACHED, Outcome.BUDGET_EXHAUSTED)
_EVALUATION, _SCALARS = "evaluation", "scalar_metrics"  # events of steps


def main(argv: Sequence[str]) -> int:
    parser = OneLineParser(
        prog="tandem verify",
        description="Recomputes what a run folder says of itself and reports what does not match.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", help="run folder")
    parser.add_argument(
        "--against",
        metavar="OTHER",
        help="another run folder: are both the same experiment, step by step?",
    )
    arguments = parser.parse_args(argv)
    folders = [user_path(arguments.run)]
    if arguments.against:
        folders.append(user_path(arguments.against))
    for folder in folders:
        if not (folder / events.FILE).is_file():
            parser.error(f"{folder} is no run folder: it has no {events.FILE}")
    if arguments.against:
        found, compared = compare(*folders)
        verdict = "differ" if found else "are the same experiment"
        print("\n".join([*found, f"{folders[0]} and {folders[1]} {verdict}; {compared}"]))
    else:
        found = list(mismatches(folders[0]))
        verdict = f"{len(found)} things do not match" if found else "everything matches"
        print("\n".join([*found, f"{folders[0]}: {verdict}"]))
    return 1 if found else 0


def mismatches(folder: Path) -> Iterator[str]:
    """One line for everything in a run folder that is not what it says."""
    log = events.read_log(folder / events.FILE)
    yield from log.problems
    counted = timeline.counted(log.events)
    started = [event.trial_started for event in log.events if event.HasField("trial_started")]
    if not started:
        yield f"{folder / events.FILE}: no trial_started event"
        return
    trial = started[-1]
    for other in started[:-1]:
        if line := checkpoint.first_difference(
            checkpoint.identity(trial), checkpoint.identity(other)
        ):
            yield f"an earlier trial_started is of another trial: {line}"
    yield from _submission(folder, trial)
    yield from _specification(trial)
    yield from _times(log.events, counted)
    yield from _checkpoints(folder, trial)
    try:
        yield from _evaluations(trial, counted)
        yield from _end(trial, counted)
    except (KeyError, loading.SpecError) as error:
        yield f"the evaluations cannot be judged: {error}"


def _submission(folder: Path, trial: TrialStarted) -> Iterator[str]:
    copy = folder / SOURCES
    try:
        found = submission.sha256(copy, submission.own_files(copy))
    except UsageError as error:
        yield str(error)
        return
    if found != trial.submission_sha256:
        yield f"{copy}: SHA-256 is {found}, the log says {trial.submission_sha256}"


def _specification(trial: TrialStarted) -> Iterator[str]:
    name, ruleset = trial.workload.name, trial.ruleset
    try:
        workload = loading.load_workload(name)
        known = loading.load_ruleset(
            ruleset.version, type(ruleset).Tuning.Name(ruleset.tuning).lower()
        )
    except (loading.SpecError, ValueError) as error:
        yield str(error)
        return
    if workload != trial.workload:
        yield f"workload {name} is not that of this specification"
    if known != ruleset:
        yield f"ruleset {ruleset.version} is not that of this specification"


def _times(log: Sequence[Event], counted: Sequence[Event]) -> Iterator[str]:
    for event in log:
        clock = event.clock
        parts = clock.timed_sec + clock.evaluation_sec + clock.record_sec + clock.set_up_sec
        if abs(parts - clock.total_sec) > _ROUNDING_SEC:
            yield f"event {event.sequence}: the parts of its time are {parts}, not {clock.total_sec}"
    for before, after in itertools.pairwise(counted):
        for name in ("step", "timed_sec", "evaluation_sec"):
            if getattr(after.clock, name) < getattr(before.clock, name):
                yield f"event {after.sequence}: {name} is less than before"


def _checkpoints(folder: Path, trial: TrialStarted) -> Iterator[str]:
    _, problems = checkpoint.read_all(folder, checkpoint.identity(trial))
    yield from problems


def _evaluations(trial: TrialStarted, counted: Sequence[Event]) -> Iterator[str]:
    rules = loading.rules_of(trial.workload, trial.ruleset.version)
    for event in counted:
        if not event.HasField("evaluation"):
            continue
        evaluation = event.evaluation
        judgement = protocol.judge(
            trial.workload, rules, trial.ruleset.timing, dict(evaluation.metrics)
        )
        for name in ("validation_target_met", "test_target_met"):
            if getattr(evaluation, name) != getattr(judgement, name):
                yield f"event {event.sequence}: {name} is not what its metrics say"
        yield from _sizes(trial, event)
        if evaluation.global_step != event.clock.step:
            yield f"event {event.sequence}: global_step is not the clock's step"


def _sizes(trial: TrialStarted, event: Event) -> Iterator[str]:
    """Whether an evaluation was of whole splits."""
    metrics, splits = dict(event.evaluation.metrics), trial.workload.splits
    for split in ("validation", "test"):
        found, expected = metrics.get(f"{split}/num_examples"), getattr(splits, split)
        if splits.HasField(split) and found != expected:
            yield f"event {event.sequence}: {split}/num_examples is {found}, expected {expected}"


def _end(trial: TrialStarted, counted: Sequence[Event]) -> Iterator[str]:
    """The outcome against the evaluations."""
    last = counted[-1]
    if not last.HasField("trial_ended"):
        return
    rules = loading.rules_of(trial.workload, trial.ruleset.version)
    standing = protocol.Standing()
    for event in counted:
        if event.HasField("evaluation"):
            metrics = dict(event.evaluation.metrics)  # a map gives 0 for what it lacks
            judgement = protocol.judge(trial.workload, rules, trial.ruleset.timing, metrics)
            standing.add(judgement, event.clock.timed_sec)
    standing.is_step_limit_reached = last.clock.step == trial.step_limit
    standing.is_budget_exhausted = last.clock.timed_sec >= trial.budget_sec
    ended, follows = last.trial_ended, protocol.outcome(trial.ruleset.timing, standing)
    if ended.outcome in _EVIDENT and ended.outcome != follows:
        name = Outcome.Name(follows) if follows else "none"
        yield f"the outcome is {Outcome.Name(ended.outcome)}; from the evaluations follows {name}"
    stated = ended.time_to_target_sec if ended.HasField("time_to_target_sec") else None
    if stated != standing.time_to_target_sec:
        yield f"time_to_target_sec is {stated}, by the evaluations {standing.time_to_target_sec}"


def compare(one: Path, other: Path) -> tuple[list[str], str]:
    """One line for everything by which two runs are not the same experiment, step by step; of scalars,
    evaluations and ends only the first. And what was compared.

    Times, what they decide and where the runs ran may differ: evaluations are compared where both
    made one, and steps as far as both went.
    """
    logs = [
        timeline.counted(events.read_log(folder / events.FILE).events) for folder in (one, other)
    ]
    first, second = map(_trial, logs)
    if first is None or second is None:
        return ["a log has no trial_started event"], "nothing was compared"
    lines = [
        f"{name} is {getattr(first, name)!r} and {getattr(second, name)!r}"
        for name in ("global_batch_size", "num_parameters", "data_sha256")
        if getattr(first, name) != getattr(second, name)
    ]
    if line := checkpoint.first_difference(checkpoint.identity(first), checkpoint.identity(second)):
        lines.append(f"they are different trials: {line}")
    difference, compared = _first_difference(*logs)
    lines += [difference] * bool(difference)
    changed = provenance.changes(first.provenance, second.provenance)
    if lines and changed:
        lines.append(f"they ran with different {', '.join(changed)}")
    return lines, compared


def _first_difference(one: Sequence[Event], other: Sequence[Event]) -> tuple[str, str]:
    """The first difference between what two logs tell, empty if there is none; what was compared."""
    a, b = _told(one), _told(other)
    both = a.keys() & b.keys()
    num_scalars = sum(kind == _SCALARS for _, kind in both)
    num_evaluations = len(both) - num_scalars
    compared = f"scalars of {num_scalars:,} steps and {num_evaluations:,} evaluations were compared"
    end = min(one[-1].clock.step, other[-1].clock.step)
    owed = {key for key in a.keys() ^ b.keys() if key[1] == _SCALARS and key[0] < end}
    for key in sorted(both | owed):
        if a.get(key) != b.get(key):
            shown = f"{_show(key, a.get(key))} and {_show(key, b.get(key))}"
            return f"first difference: {shown}", compared
    if not both:
        return "no step has scalars or an evaluation in both", compared
    ends = _end_of(one), _end_of(other)
    return "" if ends[0] == ends[1] else f"they end differently: {ends[0]} and {ends[1]}", compared


def _trial(log: Sequence[Event]) -> Any:
    started = [event.trial_started for event in log if event.HasField("trial_started")]
    return started[-1] if started else None


def _told(log: Sequence[Event]) -> dict[tuple[int, str], list[dict[str, str]]]:
    """What a log tells of each step but for times: by step and kind, values to the last bit."""
    told: dict[tuple[int, str], list[dict[str, str]]] = {}
    for event in log:
        for kind in (_EVALUATION, _SCALARS):
            if event.HasField(kind):
                found = getattr(event, kind)
                values = {name: value.hex() for name, value in found.metrics.items()}
                told.setdefault((found.global_step, kind), []).append(values)
    return told


def _end_of(log: Sequence[Event]) -> str:
    """How a trial ended; without the step where time decides it."""
    if not log[-1].HasField("trial_ended"):
        return "no end"
    ended = log[-1].trial_ended
    if ended.outcome in _BY_TIME:
        return "by time"
    return f"{Outcome.Name(ended.outcome)} after step {ended.global_step:,}"


def _show(key: tuple[int, str], told: list[dict[str, str]] | None) -> str:
    step, kind = key
    values = [f"{k} {float.fromhex(v)!r}" for part in told or [] for k, v in sorted(part.items())]
    return f"{kind} at step {step:,} ({', '.join(values) or 'nothing'})"
