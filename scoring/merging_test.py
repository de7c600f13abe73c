import dataclasses

import numpy as np
import pytest

from scoring.merging import by_framework, merge
from scoring.records import Facts, Ledger, Trial
from scoring.testing import errors, make_trial, rules_v05


def test_copies_are_left_out_and_the_richer_one_stays() -> None:
    poor = make_trial([0.2, 0.1])
    rich = dataclasses.replace(poor, origin="z", facts=Facts(seed=1, hardware="8x V100"))
    merged = merge(Ledger([poor, rich]))
    assert merged.trials == [rich]
    assert "left out" in merged.problems[0].text and not merged.problems[0].is_error


def test_different_logs_of_one_trial_both_stay_and_are_named() -> None:
    first = make_trial([0.2, 0.1])
    again = dataclasses.replace(make_trial([0.2, 0.1], [90.0, 180.0]), origin="again")
    merged = merge(Ledger([again, first]))
    assert len(merged.trials) == 2
    assert "another log of the same trial" in merged.problems[0].text


def test_a_log_with_other_metrics_at_the_same_times_is_no_copy() -> None:
    first, again = make_trial([0.2, 0.1]), make_trial([0.2, 0.3])
    merged = merge(Ledger([first, dataclasses.replace(again, origin="again")]))
    assert len(merged.trials) == 2
    rounded = [make_trial([0.2]), make_trial([0.2 + 1e-7])]
    assert len(merge(Ledger(rounded)).trials) == 2
    diverged = [make_trial([0.2, np.nan]), make_trial([0.2, np.nan])]
    assert len(merge(Ledger(diverged)).trials) == 1


def test_order_of_trials_does_not_matter() -> None:
    trials = [make_trial([0.2], study=s, trial=t) for s in (2, 10) for t in (1, 2)]
    merged = [merge(Ledger(order)).trials for order in (trials, trials[::-1])]
    assert merged[0] == merged[1] == trials


def split(trials: list[Trial], *counted: str) -> list[Trial]:
    return by_framework(merge(Ledger(trials)), counted or ("criteo1tb",)).trials


def test_two_frameworks_on_one_workload_are_two_submissions() -> None:
    trials = [make_trial([0.2, 0.1], framework=name) for name in ("jax", "pytorch")]
    trials.append(make_trial([0.7], workload="fastmri", framework="jax"))
    found = split(trials)
    assert [(t.submission, t.workload) for t in found] == [
        ("adamw [jax]", "criteo1tb"),
        ("adamw [jax]", "fastmri"),
        ("adamw [pytorch]", "criteo1tb"),
    ]


def test_two_frameworks_on_a_workload_that_does_not_count_rename_nobody() -> None:
    trials = [make_trial([0.2, 0.1], framework=name) for name in ("jax", "pytorch")]
    trials.append(make_trial([0.7, 0.8], workload="fastmri", framework="jax"))
    assert {t.submission for t in split(trials, "fastmri")} == {"adamw"}


def test_a_log_without_a_framework_is_of_the_one_that_others_name() -> None:
    unknown = make_trial([0.2, 0.1], framework="")
    later = make_trial([0.2, 0.3], framework="", study=1)
    found = split([make_trial([0.2, 0.1], framework="jax"), unknown, later])
    assert [(t.submission, t.study, t.framework) for t in found] == [
        ("adamw", "study_0", "jax"),
        ("adamw", "study_1", "jax"),
    ]
    assert [t.framework for t in split([unknown])] == [""]


def test_one_evaluation_under_another_framework_renames_nobody() -> None:
    trials = [make_trial([0.2, 0.1], framework="jax"), make_trial([0.2], framework="pytorch")]
    found = split(trials)
    assert {t.submission for t in found} == {"adamw"} and len(found) == 2


def test_an_empty_folder_of_the_other_framework_splits_nothing() -> None:
    trials = [make_trial([0.2], framework="jax"), make_trial([], framework="pytorch")]
    assert {t.submission for t in split(trials)} == {"adamw"}


def placed(trial: Trial, origin: str) -> Trial:
    return dataclasses.replace(trial, origin=origin)


@pytest.mark.parametrize("factor", [1 + 5e-7, 1 + 4e-13])
def test_a_log_that_reaches_the_target_is_no_copy_of_one_that_just_does_not(factor: float) -> None:
    target = rules_v05().workloads["criteo1tb"].target
    hit, miss = make_trial([0.2, target]), make_trial([0.2, target * factor])
    for places in ("ab", "ba"):
        trials = list(map(placed, (hit, miss), places))
        assert len(merge(Ledger(trials)).trials) == 2


def test_last_digits_that_decide_nothing_and_rounded_losses_make_no_other_log() -> None:
    poor = make_trial([0.2, 0.1])
    digits = make_trial([0.2 * (1 + 1e-13), 0.1])
    assert len(merge(Ledger([poor, placed(digits, "z")])).trials) == 1
    exact, rounded = (make_trial([9.0], workload="wmt", metric="validation/bleu") for _ in "ab")
    exact.columns["validation/loss"] = np.array([1.0])  # type: ignore[index]
    rounded.columns["validation/loss"] = np.array([1.0 + 5e-7])  # type: ignore[index]
    assert len(merge(Ledger([exact, placed(rounded, "z")])).trials) == 1


def test_which_of_two_copies_stays_does_not_depend_on_their_places() -> None:
    first, again = make_trial([0.2, 0.1]), make_trial([0.2, 0.1 * (1 + 1e-13)])
    ended = dataclasses.replace(first, facts=Facts(loop_ended=True))
    early = dataclasses.replace(first, facts=Facts(loop_ended=False))
    for one, other in ((first, again), (ended, early)):
        merged = [
            merge(Ledger(list(map(placed, (one, other), places)))).trials[0]
            for places in ("ab", "ba")
        ]
        assert len({(t.columns["validation/loss"][1], t.facts.loop_ended) for t in merged}) == 1


@pytest.mark.parametrize("places", ["ab", "ba"])
def test_a_copy_without_the_target_metric_drives_out_none_with_it(places: str) -> None:
    facts = Facts(seed=1, hardware="8x V100", loop_ended=True)
    broken = make_trial([0.2, 0.1], metric="validation/lossy", facts=facts)
    whole = make_trial([0.2, 0.1])
    ledger = merge(Ledger(list(map(placed, (broken, whole), places))))
    (trial,) = ledger.trials
    assert trial.columns["validation/loss"].tolist() == [0.2, 0.1]
    assert [problem.is_error for problem in ledger.problems] == [False]


@pytest.mark.parametrize(("num_other", "is_told"), [(0, False), (1, False), (2, True), (4, True)])
def test_two_submissions_of_one_name_are_one_error(num_other: int, is_told: bool) -> None:
    trials = [make_trial([0.2, 0.1], trial=k) for k in range(4)]
    others = [placed(make_trial([0.3, 0.1], trial=k), f"other {k}") for k in range(num_other)]
    ledger = merge(Ledger(trials + others))
    assert len(ledger.trials) == 4 + num_other
    assert [f"{num_other} of 4 trials have different logs" in text for text in errors(ledger)] == (
        [True] if is_told else []
    )


@pytest.mark.parametrize(("study", "is_told"), [("study_12", False), ("mine", True)])
def test_a_study_of_another_name_counts_and_is_told(study: str, is_told: bool) -> None:
    ledger = merge(Ledger([dataclasses.replace(make_trial([0.2]), study=study)]))
    assert [trial.study for trial in ledger.trials] == [study]
    assert ["'mine' counts" in problem.text for problem in ledger.problems] == [True] * is_told
