"""Our own event logs, as trials."""

import functools
import json
import math
import operator
from pathlib import Path

import numpy as np
import pytest

from scoring.readers.logs import read_logs
from scoring.records import STEP, TIME, TOTAL
from scoring.testing import errors, events_text, write_events
from spec import timing_pb2


def test_an_event_log_that_names_no_submission_is_an_error(tmp_path: Path) -> None:
    folder = write_events(tmp_path, events_text([0.2], submission=""))
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].submission == "unnamed"
    (error,) = errors(ledger)
    assert error == f"{folder}/events.jsonl: names no submission: it counts as 'unnamed'"


def test_event_logs_are_found_anywhere_and_identified_by_their_start(tmp_path: Path) -> None:
    text = events_text([0.2, 0.1], study=2, trial=3, outcome=timing_pb2.BUDGET_EXHAUSTED)
    folder = write_events(tmp_path / "study_9" / "wmt_jax" / "trial_8", text)
    ledger = read_logs([tmp_path])
    (trial,) = ledger.trials
    assert trial.key == ("adamw", "criteo1tb", "study_2", "trial_3")
    assert (trial.framework, trial.origin) == ("jax", f"{folder}/events.jsonl")
    assert trial.times_sec.tolist() == [100, 200]
    assert (trial.facts.ended, trial.facts.final_time_sec) == ("BUDGET_EXHAUSTED", 250)
    assert (trial.facts.hardware, trial.facts.versions["python"]) == ("2x H200", "3.11.7")
    assert trial.facts.versions["submission_sha256"] == "50b"
    assert trial.facts.set_up == {
        "data_sha256": "da7a",
        "num_devices": "2",
        "global_batch_size": "64",
    }
    assert trial.facts.versions["modified"] == "no"
    assert not ledger.problems


def test_a_torn_last_line_is_survived(tmp_path: Path) -> None:
    text = events_text([0.2, 0.1])
    write_events(tmp_path, text[: text.rindex('"evaluation"')])
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [100]
    (problem,) = ledger.problems
    assert "torn" in problem.text and not problem.is_error and problem.line == 3


def test_a_damaged_line_within_and_a_gap_are_errors(tmp_path: Path) -> None:
    lines = events_text([0.2, 0.1, 0.05]).splitlines(keepends=True)
    write_events(tmp_path, lines[0] + "{}}\n" + lines[2] + lines[3])
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [200, 300]
    assert [problem.line for problem in ledger.problems] == [2, 3]
    assert all(problem.is_error for problem in ledger.problems)


@pytest.mark.parametrize("time", ["-3", '"Infinity"', '"NaN"'])
def test_an_event_at_an_impossible_time_is_left_out(tmp_path: Path, time: str) -> None:
    text = events_text([0.2, 0.1, 0.05]).replace('"timedSec": 200.0', f'"timedSec": {time}')
    write_events(tmp_path, text)
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [100, 300]
    (problem,) = ledger.problems
    assert "timed_sec is" in problem.text and problem.line == 3 and problem.is_error


def test_a_run_that_goes_on_after_a_torn_line_loses_nothing(tmp_path: Path) -> None:
    lines = events_text([0.2, 0.1]).splitlines(keepends=True)
    write_events(tmp_path, lines[0] + lines[1] + lines[2][:30] + "\n" + lines[2])
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [100, 200]
    (problem,) = ledger.problems
    assert "torn" in problem.text and problem.line == 3 and not problem.is_error


def test_a_number_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    text = events_text([0.2]).replace('"framework": "JAX"', '"framework": 77')
    write_events(tmp_path, text)
    ledger = read_logs([tmp_path])
    assert not ledger.trials and "the trial does not count" in errors(ledger)[0]


@pytest.mark.parametrize(
    ("place", "value", "what"),
    [
        ("workload", None, "names no workload"),
        ("workload.name", None, "names no workload"),
        ("workload.targetMetric", None, "metric 0 has no name"),
        ("workload.metrics", None, "metric family 0 has no metrics"),
        ("workload.rules.v0.validationTarget", "NaN", "validation_target is nan"),
        ("workload.rules.v0.maxRuntimeSec", "NaN", "max_runtime_sec is nan"),
        ("workload.rules.v0.maxRuntimeSec", -1, "max_runtime_sec is -1"),
        ("workload.rules.v0.maxRuntimeSec", 0, "a budget of 0 s"),
        ("workload.rules.v0.evalPeriodSec", "Infinity", "eval_period_sec is inf"),
        ("workload.rules.v0.stepHint", -1, "step_hint is -1"),
        ("ruleset.budgetFactor", "NaN", "budget_factor is nan"),
        ("ruleset.budgetFactor", 0, "budget_factor is missing"),
        ("ruleset.stepLimitFactor", "Infinity", "step_limit_factor is inf"),
        ("ruleset.maxRatio", "NaN", "max_ratio is nan"),
        ("ruleset.stepLimitFactor", 1e307, "a limit of inf steps"),
        ("ruleset.budgetFactor", 1e307, "a budget of inf s"),
    ],
)
def test_rules_that_nothing_can_be_scored_by_cost_their_trial_alone(
    tmp_path: Path, place: str, value: object, what: str
) -> None:
    write_events(tmp_path / "good", events_text([0.2], trial=2))
    text = events_text([0.2]).replace('"v0.6": {', '"v0": {').replace('"v0.6"', '"v0"')
    first, *rest = text.splitlines(keepends=True)
    event = json.loads(first)
    *above, last = place.split(".")
    at = functools.reduce(operator.getitem, above, event["trialStarted"])
    if value is None:
        del at[last]
    else:
        at[last] = value
    folder = write_events(tmp_path / "bad", json.dumps(event) + "\n" + "".join(rest))
    ledger = read_logs([tmp_path])
    assert [trial.trial for trial in ledger.trials] == ["trial_2"]
    (error,) = errors(ledger)
    assert error.startswith(f"{folder}/events.jsonl: the trial does not count: ") and what in error


@pytest.mark.parametrize("metrics", ["{}", '{"valid/loss": 0.1}'])
def test_an_evaluation_without_the_target_metric_is_an_error(tmp_path: Path, metrics: str) -> None:
    text = events_text([0.2, 0.1]).replace('{"validation/loss": 0.1}', metrics)
    folder = write_events(tmp_path, text)
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [100, 200]
    (error,) = errors(ledger)
    assert (
        error == f"{folder}/events.jsonl:3: an evaluation without validation/loss attains nothing"
    )


@pytest.mark.parametrize(
    "name", ["accumulated_submission_time", "global_step", "line in the file", "total_duration"]
)
def test_a_metric_never_stands_for_what_the_log_counts(tmp_path: Path, name: str) -> None:
    text = events_text([0.2, 0.1]).replace(": 0.1}", f': 0.1, "{name}": "NaN"}}')
    write_events(tmp_path, text)
    ledger = read_logs([tmp_path])
    columns = ledger.trials[0].columns
    assert columns[TIME].tolist() == [100, 200] and columns[STEP].tolist() == [1, 11]
    assert columns[TOTAL].tolist() == [150, 300] and "line in the file" not in columns
    (error,) = errors(ledger)
    assert f"events.jsonl:3: metric left out: {name} is no name for one" in error


def test_an_evaluation_at_a_negative_step_is_left_out(tmp_path: Path) -> None:
    write_events(tmp_path, events_text([0.3, 0.2]).replace('"globalStep": "1"', '"globalStep": -1'))
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [200]
    assert "events.jsonl:2: event left out: global_step is -1" in errors(ledger)[0]


@pytest.mark.parametrize("damage", [{"evaluation": "\ud800"}, {"clock": "\ud800"}])
def test_half_a_surrogate_pair_costs_its_line_alone(tmp_path: Path, damage: dict[str, str]) -> None:
    first, second, third, last = events_text([0.3, 0.2, 0.1]).splitlines(keepends=True)
    damaged = json.dumps(json.loads(third) | damage) + "\n"
    write_events(tmp_path, first + second + damaged + last)
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [100, 300]
    assert [problem.line for problem in ledger.problems] == [3, 4]
    assert all(problem.is_error for problem in ledger.problems)


def test_a_log_without_a_start_does_not_count(tmp_path: Path) -> None:
    write_events(tmp_path, "".join(events_text([0.2]).splitlines(keepends=True)[1:]))
    ledger = read_logs([tmp_path])
    assert not ledger.trials and any("trial_started" in text for text in errors(ledger))


def test_the_last_start_of_a_log_holds(tmp_path: Path) -> None:
    """It is written again when set-up has found what the devices are."""
    events = [json.loads(line) for line in events_text([0.2]).splitlines()]
    before = json.loads(json.dumps(events[0]))
    del before["trialStarted"]["provenance"]["accelerators"]
    events.insert(0, before)
    for sequence, event in enumerate(events):
        event["sequence"] = sequence
    write_events(tmp_path, "".join(json.dumps(event) + "\n" for event in events))
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].facts.hardware == "2x H200"
    assert not ledger.problems


def test_a_resumed_trial_counts_on_its_resumed_timeline(tmp_path: Path) -> None:
    write_events(tmp_path, events_text([0.3, 0.2, 0.1], resume_after=0))
    (trial,) = read_logs([tmp_path]).trials
    assert trial.columns[STEP].tolist() == [1, 11, 21]
    assert trial.columns["preemption_count"].tolist() == [0, 1, 1]


def test_an_end_that_a_resumed_trial_went_past_does_not_count(tmp_path: Path) -> None:
    """Stopped, resumed from its first checkpoint, and then killed: the log has no end."""
    lines = events_text([0.3, 0.2], outcome=timing_pb2.Outcome.INTERRUPTED).splitlines()
    resumed = {"global_step": 1, "preemption_count": 1, "first_lost_event": 2}
    lines.append(json.dumps({"sequence": len(lines), "trial_resumed": resumed}))
    write_events(tmp_path, "\n".join(lines) + "\n")
    (trial,) = read_logs([tmp_path]).trials
    assert trial.columns[STEP].tolist() == [1]
    assert trial.facts.ended is None
    assert "the log ends after event 4" in trial.facts.message


def test_a_metric_that_is_not_a_number_is_read_as_such(tmp_path: Path) -> None:
    write_events(tmp_path, events_text([0.3, math.nan, math.inf]))
    values = read_logs([tmp_path]).trials[0].columns["validation/loss"]
    np.testing.assert_array_equal(values, [0.3, math.nan, math.inf])
