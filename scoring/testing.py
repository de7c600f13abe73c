"""Trials and logs made up for tests and benchmarks."""

import csv
import dataclasses
import lzma
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import json_format

from scoring.board import Board, assess
from scoring.records import EVAL_TIME, PREEMPTION, STEP, TIME, TOTAL, Facts, Ledger, Trial
from scoring.rules import Rules, resolve
from spec import event_pb2, submission_pb2
from spec.loading import load_ruleset, load_workload

# Beside the repository.
SHARED = Path(__file__).resolve().parents[2] / "shared"
NO_FACTS = Facts()
V05 = ["--rules", "v0.5", "--ruleset", "external", "--resamples", "50"]  # of the command
TIDY_HEADER = (
    "workload,framework,study,trial,global_step,accumulated_submission_time,accumulated_eval_time,"
    "total_duration,val_metric,test_metric,train_metric,val_loss,train_loss"
)


def published_logs() -> Path:
    """The folder of published logs; skips the calling test where there is none.

    They are no part of the repository: TANDEM_SHARED names the folder that has `data/leaderboard`.
    """
    folder = Path(os.environ.get("TANDEM_SHARED", SHARED)) / "data" / "leaderboard"
    if not folder.is_dir():
        pytest.skip(f"no published logs at {folder}; TANDEM_SHARED names the folder above")
    return folder


def make_trial(
    values: Sequence[float],
    times: Sequence[float] | None = None,
    *,
    submission: str = "adamw",
    workload: str = "criteo1tb",
    metric: str = "validation/loss",
    study: int = 0,
    trial: int = 1,
    framework: str = "jax",
    facts: Facts = NO_FACTS,
) -> Trial:
    """A trial with these validation metrics; evaluations 100 s apart unless times are given."""
    num = len(values)
    time = np.array(times if times is not None else [100.0 * (k + 1) for k in range(num)], float)
    columns = {
        STEP: np.arange(num) * 10.0 + 1,
        TIME: time,
        EVAL_TIME: time / 2,
        TOTAL: time * 1.5,
        PREEMPTION: np.zeros(num),
        metric: np.array(values, float),
    }
    return Trial(
        submission,
        workload,
        f"study_{study}",
        f"trial_{trial}",
        framework,
        columns if num else {},
        origin=f"{submission}/study_{study}/{workload}/trial_{trial}",
        facts=facts,
    )


def hitting_trial(time_sec: float, workload: str, rules: Rules, **identity: object) -> Trial:
    """A trial whose second evaluation, at this time, is its first at the target; inf: never."""
    rule = rules.workloads[workload]
    bad = rule.target + (1 if rule.direction.value == "min" else -1)
    reached = math.isfinite(time_sec)
    times = [time_sec / 2, time_sec] if reached else [rule.budget_sec / 2, rule.budget_sec]
    trial = make_trial(
        [bad, rule.target if reached else bad],
        times,
        workload=workload,
        metric=rule.metric,
        **identity,  # type: ignore[arg-type]
    )
    return dataclasses.replace(trial, facts=Facts(loop_ended=True, final_time_sec=times[-1]))


def make_trials(
    study_times: Mapping[str, Mapping[str, Sequence[float]]], rules: Rules
) -> list[Trial]:
    """One trial a study from submission -> workload -> time of each study."""
    return [
        hitting_trial(time, workload, rules, submission=name, study=study)
        for name, workloads in study_times.items()
        for workload, times in workloads.items()
        for study, time in enumerate(times)
    ]


def rules_v05(workloads: Sequence[str] | None = None) -> Rules:
    """The v0.5 external rules; over these workloads alone where they are given."""
    return resolve(load_ruleset("v0.5", "external"), [], workloads)


def make_board(
    study_times: Mapping[str, Mapping[str, Sequence[float]]],
    workloads: Sequence[str] | None = None,
    **options: object,
) -> Board:
    """A leaderboard under v0.5 rules from submission -> workload -> time of each study."""
    rules = rules_v05(workloads)
    return assess(make_trials(study_times, rules), rules, **options)  # type: ignore[arg-type]


def events_text(
    values: Sequence[float],
    *,
    workload: str = "criteo1tb",
    metric: str = "validation/loss",
    submission: str = "adamw",
    study: int = 0,
    trial: int = 1,
    framework: int = submission_pb2.JAX,
    outcome: int | None = None,
    resume_after: int | None = None,
) -> str:
    """An event log of ours: evaluations 100 timed seconds apart.

    Without an outcome the log has no end. With `resume_after`, the run is resumed at the end from
    the checkpoint of that evaluation and repeats what followed.
    """
    ruleset = load_ruleset("v0.6", "external")
    started = event_pb2.TrialStarted(
        workload=load_workload(workload),
        ruleset=ruleset,
        submission=submission_pb2.SubmissionManifest(name=submission, title=submission),
        framework=framework,  # type: ignore[arg-type]
        study=study,
        trial=trial,
        seed=7,
        budget_sec=7703,
        submission_sha256="50b",
        data_sha256="da7a",
        num_devices=2,
        global_batch_size=64,
        provenance=event_pb2.Provenance(python="3.11.7", accelerators=["H200", "H200"]),
    )
    events = [event_pb2.Event(trial_started=started)]
    events += [_evaluation(k, value, metric) for k, value in enumerate(values)]
    if resume_after is not None:
        resumed = event_pb2.TrialResumed(
            global_step=10 * resume_after + 1,
            preemption_count=1,
            first_lost_event=resume_after + 2,  # after trial_started and that many evaluations
        )
        events.append(event_pb2.Event(trial_resumed=resumed))
        rest = list(enumerate(values))[resume_after + 1 :]
        events += [_evaluation(k, value, metric) for k, value in rest]
    if outcome is not None:
        ended = event_pb2.TrialEnded(outcome=outcome, message="as said")  # type: ignore[arg-type]
        clock = event_pb2.ClockReading(step=10 * len(values), timed_sec=100.0 * len(values) + 50)
        events.append(event_pb2.Event(trial_ended=ended, clock=clock))
    for sequence, event in enumerate(events):
        event.sequence = sequence
    return "".join(f"{json_format.MessageToJson(event, indent=None)}\n" for event in events)


def _evaluation(k: int, value: float, metric: str) -> event_pb2.Event:
    timed = 100.0 * (k + 1)
    return event_pb2.Event(
        clock=event_pb2.ClockReading(step=10 * k + 1, timed_sec=timed, total_sec=1.5 * timed),
        evaluation=event_pb2.Evaluation(global_step=10 * k + 1, metrics={metric: value}),
    )


def some_trials() -> list[Trial]:
    """Trials of two submissions, two studies and three lengths, which reach no target."""
    return [
        make_trial([0.2 - 0.01 * k for k in range(n)], study=study, trial=n, submission=name)
        for name in ("adamw", "lion")
        for study in (0, 1)
        for n in (1, 2, 3)
    ]


def errors(ledger: Ledger) -> list[str]:
    """The errors among a ledger's problems, as text."""
    return [str(problem) for problem in ledger.problems if problem.is_error]


def tidy_rows(trial: Trial) -> list[str]:
    """The rows of a trial of criteo1tb in a tidy table."""
    study, number = trial.study.removeprefix("study_"), trial.trial.removeprefix("trial_")
    values = zip(
        trial.columns[STEP], trial.times_sec, trial.columns["validation/loss"], strict=True
    )
    return [
        f"{trial.workload},{trial.framework},{study},{number},{step:.0f},{time!r},1,2,{value!r},,,{value:.3f},"
        for step, time, value in ((s, float(t), float(v)) for s, t, v in values)
    ]


def write_tidy(folder: Path, trials: Sequence[Trial], ending: str) -> None:
    """Writes a tidy table for each submission."""
    for name in {trial.submission for trial in trials}:
        rows = [row for trial in trials if trial.submission == name for row in tidy_rows(trial)]
        text = "\n".join([TIDY_HEADER, *rows, ""]).encode()
        path = folder / f"evals_v05_external_{name}{ending}"
        path.write_bytes(lzma.compress(text) if ending.endswith(".xz") else text)


def write_events(folder: Path, text: str) -> Path:
    """Writes an event log of ours and returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.jsonl").write_text(text)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a csv with a header."""
    return list(csv.DictReader(path.read_text().splitlines()))


def same(a: Trial, b: Trial) -> bool:
    """Whether two trials have one name and equal times, steps and losses."""
    metric = "validation/loss"
    return a.key == b.key and all(
        np.array_equal(a.columns[name], b.columns[name], equal_nan=True)
        for name in (TIME, STEP, metric)
    )
