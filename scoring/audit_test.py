import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from scoring.audit import Finding, findings
from scoring.board import assess
from scoring.records import DATA, EVAL_TIME, PREEMPTION, STEP, TIME, TOTAL, Facts, Trial
from scoring.testing import make_trial, rules_v05

RULES = rules_v05(["criteo1tb"])  # evaluated every 120 s, budget 7703 s, target 0.123735
NUM = 20


def clean(study: int, trial: int, submission: str = "adamw") -> Trial:
    """A trial that nothing is wrong with: evaluations 120 wall seconds apart, each taking 40 s."""
    made = make_trial(
        [0.2 - 0.001 * k + 1e-6 * (10 * study + trial) for k in range(NUM)],
        study=study,
        trial=trial,
        submission=submission,
    )
    every = np.arange(NUM, dtype=float)
    columns = {
        **made.columns,
        STEP: 100 * every + 1,
        TIME: 120 * every + 10,
        EVAL_TIME: 40 * every + 40,
        TOTAL: 160 * every + 50,
    }
    facts = Facts(
        seed=100 * study + trial,
        hyperparameters={"learning_rate": 1 / (100 * study + trial + 1)},
        hardware="8x V100",
        versions={"python": "3.11"},
        set_up={DATA: "c0ffee", "num_devices": "8"},
        budget_sec=7703.0,
        eval_period_sec=120.0,
        validation_target=0.123735,
    )
    return dataclasses.replace(made, columns=columns, facts=facts)


def ledger() -> list[Trial]:
    return [clean(study, trial) for study in range(5) for trial in range(1, 6)]


def found(trials: list[Trial]) -> list[Finding]:
    return findings(assess(trials, RULES))


def with_columns(trial: Trial, **columns: np.ndarray) -> Trial:
    return dataclasses.replace(trial, columns={**trial.columns, **columns})


def with_facts(trial: Trial, **facts: object) -> Trial:
    return dataclasses.replace(trial, facts=dataclasses.replace(trial.facts, **facts))  # type: ignore[arg-type]


def test_clean_logs_have_no_findings() -> None:
    assert found(ledger()) == []


def back_in_time(trial: Trial) -> Trial:
    times = trial.times_sec.copy()
    times[7] = times[6]
    return with_columns(trial, **{TIME: times})


def unstable(trial: Trial) -> Trial:
    values = np.full(NUM, 0.2)
    values[[3, 5]] = 0.1
    return with_columns(trial, **{"validation/loss": values})


def with_hole(trial: Trial) -> Trial:
    kept = [0, 1, 2, *range(12, NUM)]
    columns = {name: values[kept] for name, values in trial.columns.items()}
    return dataclasses.replace(trial, columns=columns)


CHECKS: list[tuple[str, Callable[[Trial], Trial], str]] = [
    ("times strictly increase", back_in_time, "at evaluation 8"),
    (
        "no evaluations are missing",
        with_hole,
        "up to 1200 s between evaluations 3 and 4 of study_1/trial_1, usually 120 s",
    ),
    ("budget respected", lambda t: with_columns(t, **{TIME: t.times_sec * 3.5}), "more than 1 %"),
    ("step time is steady", lambda t: with_columns(t, **{STEP: t.columns[STEP] / 2}), "2.00 times"),
    (
        "recorded target is the ruleset's",
        lambda t: with_facts(t, validation_target=0.2),
        "recorded 0.2",
    ),
    ("recorded budget is the ruleset's", lambda t: with_facts(t, budget_sec=9e4), "scored by 7703"),
    (
        "recorded evaluation period is the ruleset's",
        lambda t: with_facts(t, eval_period_sec=1.0),
        "by 120",
    ),
    ("one kind of hardware", lambda t: with_facts(t, hardware="1x H200"), "1x H200: adamw"),
    (
        "one version of the software",
        lambda t: with_facts(t, versions={"python": "3.8"}),
        "3.8 (1 trials)",
    ),
    (
        "one set-up on each workload",
        lambda t: with_facts(t, set_up={DATA: "c0ffee", "num_devices": "4"}),
        "num_devices: 8 (24 trials), 4 (1 trials)",
    ),
    (
        "logs are no copies of others",
        lambda t: with_columns(t, **ledger()[0].columns),
        "1 logs stand under several names, such as adamw/criteo1tb/study_0/trial_1 [jax] and "
        "adamw/criteo1tb/study_1/trial_1 [jax]",
    ),
    ("studies have their own seeds", lambda t: with_facts(t, seed=1), "study_0/trial_1"),
    (
        "studies draw their own points",
        lambda t: with_facts(t, hyperparameters={"learning_rate": 1 / 2}),
        "on 1 workloads 1 of 24",
    ),
    ("a target once reached stays reached", unstable, "15 of 16 later"),
    (
        "number of trials",
        lambda t: dataclasses.replace(t, trial="trial_1", study="study_3"),
        "6 trials",
    ),
    ("number of studies", lambda t: dataclasses.replace(t, study="study_7"), "6 studies"),
]


@pytest.mark.parametrize(
    ("check", "spoil", "evidence"), CHECKS, ids=[check for check, _, _ in CHECKS]
)
def test_each_fault_is_found(check: str, spoil: Callable[[Trial], Trial], evidence: str) -> None:
    trials = ledger()
    trials[5] = spoil(trials[5])  # study 1, trial 1
    hits = [finding for finding in found(trials) if finding.check == check]
    assert hits, f"nothing under {check!r} in {found(trials)}"
    assert any(evidence in finding.evidence for finding in hits)
    assert all(finding.where for finding in hits)


@pytest.mark.parametrize(("num_studies", "slow"), [(2, {1}), (3, {1, 2}), (5, {0, 1, 2, 3})])
def test_steps_are_compared_with_the_fastest_study(num_studies: int, slow: set[int]) -> None:
    trials = [clean(study, 1) for study in range(num_studies)]
    for study in slow:
        steps = trials[study].columns[STEP]
        trials[study] = with_columns(trials[study], **{STEP: steps / 1.2})
    (finding,) = (f for f in found(trials) if f.check == "step time is steady")
    assert "up to 1.20 times" in finding.evidence
    assert finding.evidence.count("study_") == len(slow)


def test_a_resumed_run_may_count_from_its_own_start() -> None:
    trials = ledger()
    runs = np.repeat([0.0, 1.0], NUM // 2)
    total = trials[0].columns[TOTAL] - 1500 * runs
    trials[0] = with_columns(trials[0], **{TOTAL: total, PREEMPTION: runs})
    assert found(trials) == []
    trials[0] = with_columns(trials[0], **{PREEMPTION: np.zeros(NUM)})
    assert [f.check for f in found(trials)] == ["times strictly increase"]


def test_points_without_a_value_are_none_that_studies_share() -> None:
    assert found([with_facts(trial, hyperparameters={}) for trial in ledger()]) == []


def test_seeds_that_studies_share_are_one_finding() -> None:
    trials = [with_facts(trial, seed=int(trial.trial[-1])) for trial in ledger()]
    trials += [dataclasses.replace(trial, workload="mnist") for trial in trials]
    (finding,) = (f for f in found(trials) if f.check == "studies have their own seeds")
    assert finding.where == "adamw"
    assert finding.evidence.startswith(
        "on 2 workloads 10 of 10 seeds occur in several studies of a trial, such as 1 on criteo1tb "
        "in study_0/trial_1, study_1/trial_1"
    )


def test_data_are_compared_between_submissions() -> None:
    other = [with_facts(t, set_up={DATA: "bad"}) for t in [clean(0, 1, submission="lion")]]
    (finding,) = (f for f in found(ledger() + other) if f.check.startswith("one set-up"))
    assert finding.where == "criteo1tb" and "c0ffee (25 trials), bad (1 trials)" in finding.evidence


def test_evaluations_that_are_too_rare_are_found_with_what_it_costs() -> None:
    rare = [with_columns(t, **{TOTAL: t.columns[TOTAL] * 5}) for t in ledger()]
    (finding,) = (f for f in found(rare) if f.check == "evaluation period kept")
    assert "may be 760 s late" in finding.evidence


def test_a_submission_without_a_workload_is_named() -> None:
    other = make_trial([0.2], submission="other", workload="ogbg", metric="validation/x")
    board = assess([*ledger(), other], rules_v05(["criteo1tb", "ogbg"]))
    missing = {f.where: f.evidence for f in findings(board) if f.check == "every workload was run"}
    assert missing == {"adamw": "no trial of ogbg", "other": "no trial of criteo1tb"}


def test_ties_that_the_official_code_leaves_to_the_file_system_are_found() -> None:
    tied = [make_trial([0.1], [time], trial=k) for k, time in enumerate([50.0, 60.0], start=1)]
    (finding,) = (f for f in found(tied) if f.check == "official choice of trial is unique")
    assert finding.where == "adamw/criteo1tb" and "10.0 s apart" in finding.evidence
