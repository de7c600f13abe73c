import dataclasses
import math

import numpy as np
import pytest

from scoring import analyses
from scoring.board import assess
from scoring.records import STEP
from scoring.testing import hitting_trial, make_board, rules_v05

inf, nan = math.inf, math.nan
TWO = ["criteo1tb", "ogbg"]
BOARD = make_board(
    {
        "a": {"criteo1tb": [100.0, 100, 300], "ogbg": [100.0, 100, 100]},
        "b": {"criteo1tb": [200.0, 200, 200], "ogbg": [inf, 200, inf]},
    },
    TWO,
)


def test_profile_curves_rise_from_the_fraction_of_wins_to_the_fraction_solved() -> None:
    tau, rho = analyses.profile_curves(BOARD)
    assert (tau[0], tau[-1]) == (1, 4)
    assert rho[:, 0].tolist() == [1, 0] and rho[:, -1].tolist() == [1, 0.5]
    assert rho[1, tau < 2].max() == 0 and rho[1, tau >= 2].min() == 0.5


def test_all_studies_give_the_score_and_fewer_give_a_spread() -> None:
    found = analyses.effect_of_studies(BOARD)
    assert found.sizes == (1, 2, 3)
    np.testing.assert_allclose(found.mean[-1], BOARD.score)
    np.testing.assert_array_equal(found.low[-1], found.high[-1])
    # One study: b is fastest on criteo1tb in study 2 alone and solves ogbg in study 1 alone.
    # Scores of studies 0, 1, 2 alone.
    a, b = [1, 1, (2.5 / 3 + 1) / 2], [1 / 3, 2 / 3, 1 / 2]
    np.testing.assert_allclose(found.mean[0], [sum(a) / 3, sum(b) / 3])
    np.testing.assert_allclose(found.low[0], [min(a), min(b)])


def test_subsets_are_drawn_where_there_are_too_many() -> None:
    drawn = analyses._subsets(12, 6, seed=1)
    assert len(drawn) == analyses.MAX_SUBSETS
    assert all(len(set(subset)) == 6 for subset in drawn)
    assert drawn == analyses._subsets(12, 6, seed=1) != analyses._subsets(12, 6, seed=2)


def test_fewer_trials_are_slower() -> None:
    rules = rules_v05(TWO)
    trials = [
        hitting_trial(time, "criteo1tb", rules, study=study, trial=number)
        for study in (0, 1)
        for number, time in enumerate([100.0, 50.0, inf], start=1)
    ]
    trials.append(hitting_trial(50, "criteo1tb", rules, submission="other"))
    board = assess(trials, rules)
    found = analyses.effect_of_trials(board)
    assert found.sizes == (1, 2, 3)
    adamw = found.mean[:, 0]
    np.testing.assert_allclose(adamw[-1], board.score[0])
    # One trial: ratios 2, 1 and inf, and each study needs one.
    np.testing.assert_allclose(found.low[0, 0], 0)
    assert (np.diff(adamw) >= 0).all()


def test_fewer_trials_are_those_of_the_same_names() -> None:
    """trial_2 is the fast one, where trial_1 is missing and where there is a trial_10 too."""
    rules = rules_v05(["criteo1tb"])
    times = {(0, 1): 200.0, (0, 2): 100.0, (0, 10): inf, (1, 2): 100.0, (1, 10): inf}
    trials = [
        hitting_trial(time, "criteo1tb", rules, study=study, trial=number)
        for (study, number), time in times.items()
    ]
    trials.append(hitting_trial(100, "criteo1tb", rules, submission="other", trial=2))
    found = analyses.effect_of_trials(assess(trials, rules))
    assert found.sizes == (1, 2, 3)
    # Of one: trial_2 is as fast as the other. Of two: with trial_1 or trial_10 as well.
    np.testing.assert_allclose(found.mean[:, 0], [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(found.high[:, 0], 1)
    np.testing.assert_allclose(found.mean[:, 1], [1 / 3, 2 / 3, 1])


def test_without_held_out_workloads_scores_can_only_rise() -> None:
    times = {"a": {"ogbg": [100.0]}, "b": {"ogbg": [150.0], "ogbg_model_size": [100.0]}}
    board = make_board(times)
    assert board.score.tolist() == [0, 1 / 8]
    np.testing.assert_allclose(analyses.without_held_out(board), [1 / 8, (2.5 / 3) / 8])


def test_a_larger_ratio_gives_more_credit_to_the_slow() -> None:
    found = analyses.effect_of_max_ratio(BOARD, [1.5, 4, 8])
    np.testing.assert_allclose(found[:, 0], 1)
    np.testing.assert_allclose(found[:, 1], [0, (2 / 3) / 2, (6 / 7) / 2])


def test_budget_fractions() -> None:
    np.testing.assert_allclose(
        analyses.budget_fractions(BOARD), [[100 / 7703, 100 / 18477], [200 / 7703, inf]]
    )


def test_a_time_is_steps_times_seconds_a_step() -> None:
    rules = rules_v05(["ogbg"])
    trials = []
    for name, time, step in [("a", 100.0, 50), ("b", 200.0, 400)]:
        trial = hitting_trial(time, "ogbg", rules, submission=name)
        trials.append(
            dataclasses.replace(trial, columns={**trial.columns, STEP: np.array([1.0, step])})
        )
    found = analyses.decomposition(assess(trials, rules), reference=0)
    np.testing.assert_allclose(found.steps[:, 0], [0, 3])
    np.testing.assert_allclose(found.step_time[:, 0], [0, -2])


def test_the_parts_add_up_to_the_ratio_of_times() -> None:
    found = analyses.decomposition(BOARD, reference=0)
    assert found.steps[1, 0] + found.step_time[1, 0] == pytest.approx(1)


def test_robustness_counts_trials_and_compares_studies() -> None:
    found = analyses.robustness(BOARD)
    np.testing.assert_allclose(found.reached, np.array([[1, 1], [1, 1 / 3]]))
    np.testing.assert_allclose(found.spread, np.array([[3, 1], [1, nan]]))
