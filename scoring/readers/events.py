"""Trials from our own event logs: one JSON form of `spec.event_pb2.Event` a line."""

import dataclasses
import io
import json
import math
from collections.abc import Iterator, Sequence

import numpy as np
from google.protobuf import json_format

from scoring.outcomes import CRASHES, Ending
from scoring.readers.files import Folder
from scoring.readers.rows import LINE, checked, target_of
from scoring.records import (
    DATA,
    EVAL_TIME,
    LOGGING_TIME,
    PREEMPTION,
    STEP,
    TIME,
    TOTAL,
    Array,
    Facts,
    Ledger,
    Trial,
)
from scoring.rules import limits
from spec import (
    event_pb2,
    metrics,
    ruleset_pb2,
    submission_pb2,
    timeline,
    timing_pb2,
)
from spec.loading import checked as checked_message

FILE = "events.jsonl"
MAX_EVENT_BYTES = 2**22


def read_trial(folder: Folder, ledger: Ledger) -> None:
    """Adds the trial that the folder's events.jsonl describes. Paths say nothing about it."""
    origin = f"{folder.origin}/{FILE}"
    numbered = list(_events(folder.files[FILE](), origin, ledger))
    events = [event for _, event in numbered]
    # The first says what was asked for, a second one also what came of it: number of parameters ...
    started = [event.trial_started for event in events if event.HasField("trial_started")]
    if not started:
        ledger.error(
            origin, "has no trial_started event; the trial cannot be told and does not count"
        )
        return
    if started[-1].HasField("converted"):
        ledger.note(origin, "left out: the trial was converted, its seconds are of two frameworks")
        return
    try:
        _check_rules(started[-1])
        counted = timeline.counted(events)
        trial = _trial(started[-1], counted, origin)
    except ValueError as error:
        ledger.error(origin, f"the trial does not count: {error}")
        return
    if not started[-1].submission.name:
        ledger.error(origin, f"names no submission: it counts as {trial.submission!r}")
    kept = set(map(id, counted))
    target = target_of(started[-1].workload)
    counting = [(line, event) for line, event in numbered if id(event) in kept]
    columns = _columns(counting, target[0], origin, ledger)
    if columns:
        columns = checked(columns, target, origin, ledger)
    ledger.trials.append(dataclasses.replace(trial, columns=columns))


def _check_rules(started: event_pb2.TrialStarted) -> None:
    """ValueError where the log records a workload or a ruleset that nothing can be scored by."""
    workload = started.workload
    if not workload.name:
        raise ValueError("it names no workload")
    target_of(workload)
    metrics.family_names(workload.metrics)
    for version, rules in workload.rules.items():
        checked_message(rules, f"rules of workload {workload.name} under {version}")
        if rules.HasField("max_runtime_sec") and not rules.max_runtime_sec:
            raise ValueError(f"workload {workload.name} has a budget of 0 s under {version}")
    if started.HasField("ruleset"):
        checked_message(started.ruleset, f"ruleset {started.ruleset.version}")
        if started.ruleset.version in workload.rules:
            limits(workload, started.ruleset)


def _trial(started: event_pb2.TrialStarted, events: list[event_pb2.Event], origin: str) -> Trial:
    """The trial without its evaluations; ValueError where the log holds a number that names no
    framework or outcome.
    """
    framework = submission_pb2.Framework.Name(started.framework).lower()
    return Trial(
        submission=started.submission.name or "unnamed",
        workload=started.workload.name,
        study=f"study_{started.study}",
        trial=f"trial_{started.trial}",
        framework="" if started.framework == 0 else framework,
        columns={},
        origin=origin,
        facts=_facts(started, events),
    )


def _events(data: bytes, origin: str, ledger: Ledger) -> Iterator[tuple[int, event_pb2.Event]]:
    """Events in order with their lines; what cannot be read is reported.

    A process that is stopped while it writes leaves a torn line, and the run that goes on uses its
    number again. A line that cannot be read and whose number is missing is a loss.
    """
    expected, torn = 0, []
    for line, text in enumerate(io.BytesIO(data), start=1):
        if not text.strip():
            continue
        event = _event(text)
        if event is None:
            torn.append(line)
            continue
        if event.sequence != expected:
            what = f"event {event.sequence} where {expected} was expected"
            ledger.error(origin, what, line)
            for place in torn:
                ledger.error(origin, "line left out: it is no event", place)
            torn.clear()
        expected = event.sequence + 1
        counters = {
            "timed_sec": event.clock.timed_sec,
            "step": event.clock.step,
            "global_step": event.evaluation.global_step,
        }
        impossible = {name: value for name, value in counters.items() if not 0 <= value < math.inf}
        for name, value in impossible.items():
            what = f"event left out: {name} is {value}, expected a finite number from 0"
            ledger.error(origin, what, line)
        if not impossible:
            yield line, event
    for place in torn:
        ledger.note(origin, "line left out: it is torn, the writer was stopped there", place)


def _event(text: bytes) -> event_pb2.Event | None:
    if len(text) > MAX_EVENT_BYTES:
        return None
    try:
        return json_format.ParseDict(
            json.loads(text), event_pb2.Event(), ignore_unknown_fields=True
        )
    except (ValueError, RecursionError, json_format.ParseError, AttributeError, TypeError):
        return None
    except SystemError:  # protobuf's, where half a surrogate pair stands for a message or a name
        return None


def _columns(
    numbered: Sequence[tuple[int, event_pb2.Event]], target: str, origin: str, ledger: Ledger
) -> dict[str, Array]:
    """One row an evaluation, with LINE. An evaluation without the target metric is reported, and so
    is a metric under the name of what the log itself counts.
    """
    rows: list[dict[str, float]] = []
    preemptions = 0
    for line, event in numbered:
        if event.HasField("trial_resumed"):
            preemptions = event.trial_resumed.preemption_count
        elif event.HasField("evaluation"):
            clock, stated = event.clock, event.evaluation.metrics
            counted = {
                LINE: line,
                STEP: event.evaluation.global_step,
                TIME: clock.timed_sec,
                EVAL_TIME: clock.evaluation_sec,
                TOTAL: clock.total_sec,
                PREEMPTION: preemptions,
                LOGGING_TIME: clock.record_sec,
            }
            for name in sorted(counted.keys() & stated.keys()):
                ledger.error(origin, f"metric left out: {name} is no name for one", line)
            if target not in stated:
                ledger.error(origin, f"an evaluation without {target} attains nothing", line)
            rows.append({**stated, **counted})
    names = {name: None for row in rows for name in row}
    return {name: np.array([row.get(name, np.nan) for row in rows], float) for name in names}


def _facts(started: event_pb2.TrialStarted, events: list[event_pb2.Event]) -> Facts:
    ended = next((e.trial_ended for e in reversed(events) if e.HasField("trial_ended")), None)
    last = events[-1].clock
    provenance = started.provenance
    rules = started.workload.rules.get(started.ruleset.version)
    tuning = ruleset_pb2.Ruleset.Tuning.Name(started.ruleset.tuning).lower()
    outcome = timing_pb2.Outcome.Name(ended.outcome) if ended else None
    versions = {
        "python": provenance.python,
        "os": provenance.host_os,
        "commit": provenance.commit,
        "modified": "yes" if provenance.modified else "no",
        "submission_sha256": started.submission_sha256,
    }
    set_up = {
        DATA: started.data_sha256,
        "num_devices": str(started.num_devices),
        "global_batch_size": str(started.global_batch_size),
    }
    return Facts(
        ended=outcome,
        message=ended.message if ended else f"the log ends after event {events[-1].sequence}",
        loop_ended=outcome is not None and Ending.__members__.get(outcome) not in CRASHES,
        final_time_sec=last.timed_sec,
        final_step=last.step,
        budget_sec=started.budget_sec or None,
        step_limit=started.step_limit or None,
        eval_period_sec=rules.eval_period_sec
        if rules and rules.HasField("eval_period_sec")
        else None,
        validation_target=rules.validation_target if rules else None,
        seed=started.seed,
        hyperparameters=_hyperparameters(started),
        hardware=_hardware(provenance),
        versions={**provenance.packages, **{k: v for k, v in versions.items() if v}},
        set_up={k: v for k, v in set_up.items() if v},
        workload=started.workload,
        ruleset=started.ruleset if started.HasField("ruleset") else None,
        made_for=(started.ruleset.version, tuning) if started.HasField("ruleset") else ("", ""),
    )


def _hyperparameters(started: event_pb2.TrialStarted) -> dict[str, object] | None:
    if not started.HasField("hyperparameters"):
        return None
    return json_format.MessageToDict(started.hyperparameters)


def _hardware(provenance: event_pb2.Provenance) -> str:
    """For example `8x Tesla V100-SXM2-16GB`; the processor where there is no accelerator."""
    names = list(provenance.accelerators)
    kinds = sorted(set(names))
    devices = ", ".join(f"{names.count(name)}x {name}" for name in kinds)
    return devices or provenance.cpu
