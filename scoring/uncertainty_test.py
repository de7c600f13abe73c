import dataclasses
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scoring import board as boards
from scoring import profiles, uncertainty
from scoring.board import assess
from scoring.records import TIME, Trial
from scoring.rules import resolve
from scoring.testing import hitting_trial, make_board, make_trials, rules_v05
from scoring.times import Method
from scoring.uncertainty import over_studies, over_workloads
from spec.loading import load_ruleset

inf = math.inf
TWO = ["criteo1tb", "ogbg"]
BOARD = make_board(
    {
        "a": {"criteo1tb": [100, 120, 150], "ogbg": [900, 800, 1000]},
        "b": {"criteo1tb": [180, 110, 190], "ogbg": [950, 850, inf]},
        "c": {"criteo1tb": [inf, inf, 300]},
    },
    TWO,
)


def test_the_same_seed_gives_the_same_digits_and_another_seed_does_not() -> None:
    first, again, other = (over_studies(BOARD, seed=s, num_resamples=99) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.beats, again.beats)
    np.testing.assert_array_equal(first.score_low, again.score_low)
    assert (first.beats != other.beats).any()


def test_results_do_not_depend_on_how_many_are_held_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = over_studies(BOARD, num_resamples=50)
    monkeypatch.setattr(uncertainty, "CHUNK", 7)
    parts = over_studies(BOARD, num_resamples=50)
    np.testing.assert_array_equal(whole.score_high, parts.score_high)


def test_intervals_hold_the_score_and_probabilities_add_up() -> None:
    found = over_studies(BOARD, num_resamples=500)
    assert (found.score_low <= BOARD.score).all() and (BOARD.score <= found.score_high).all()
    np.testing.assert_allclose(found.beats + found.beats.T, 1)
    assert (np.diagonal(found.beats) == 0.5).all()
    assert found.beats[0, 2] > 0.9
    assert (found.rank_low >= 1).all() and (found.rank_high <= 3).all()


def test_resampling_studies_has_the_law_of_the_median_of_three() -> None:
    """Of three studies with two misses the median is finite with probability 7/27."""
    board = make_board({"a": {"criteo1tb": [100, inf, inf]}}, ["criteo1tb"])
    found = over_studies(board, num_resamples=4000, level=0.4)
    assert (found.score_low, found.score_high) == (0, 0)
    assert over_studies(board, num_resamples=4000, level=0.6).score_high == 1


def test_logs_that_do_not_count_change_no_digit() -> None:
    times = {"a": {"ogbg": [1.0, 2.0, 3.0]}, "b": {"ogbg": [2.0, 3.0, 4.0]}}
    more = {**times, "a": {**times["a"], "wmt": [5.0, 6.0, 7.0]}}
    rules = rules_v05(["ogbg", "wmt"])
    found = [
        over_studies(assess(trials, resolve(rules.ruleset, trials, ["ogbg"])), num_resamples=99)
        for trials in (make_trials(each, rules) for each in (times, more))
    ]
    np.testing.assert_array_equal(found[0].beats, found[1].beats)
    np.testing.assert_array_equal(found[0].score_low, found[1].score_low)


def test_a_single_study_has_no_interval() -> None:
    board = make_board({"a": {"ogbg": [5.0]}, "b": {"ogbg": [10.0, 11.0]}}, TWO)
    found = over_studies(board, num_resamples=20)
    for values in (found.score_low, found.score_high, found.rank_low, found.rank_high):
        assert np.isnan(values).tolist() == [True, False]
    assert np.isnan(found.beats).tolist() == [[True, True], [True, False]]


def test_missing_studies_are_never_drawn() -> None:
    board = make_board({"a": {"ogbg": [5.0, 6.0, 7.0]}, "b": {"ogbg": [5.0, 5.0]}}, ["ogbg"])
    found = over_studies(board, num_resamples=300)
    assert found.score_low[1] > 0.8


def test_over_workloads_agrees_with_scipys_bootstrap() -> None:
    times = {"a": {"criteo1tb": [100], "ogbg": [150], "wmt": [200], "fastmri": [250]}}
    times["b"] = {name: [100] for name in times["a"]}
    board = make_board(times, list(times["a"]))
    found = over_workloads(board, num_resamples=20000)
    expected = stats.bootstrap(
        (board.credit[0],),
        np.mean,
        method="percentile",
        n_resamples=20000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    np.testing.assert_allclose([found.score_low[0], found.score_high[0]], expected, atol=0.02)


def test_leaving_out_a_workload_is_the_mean_over_the_others() -> None:
    left = uncertainty.without_each_workload(BOARD)
    np.testing.assert_allclose(left[0], BOARD.credit[:, 1])
    np.testing.assert_allclose(left[1], BOARD.credit[:, 0])


def test_leaving_out_a_competitor_changes_who_is_fastest() -> None:
    left = uncertainty.without_each_competitor(BOARD)
    assert np.isnan(np.diagonal(left)).all()
    assert left[0, 1] == 1 / 2 + 1 / 2 and BOARD.score[1] < 1
    alone = make_board({"a": {"ogbg": [5.0]}}, TWO)
    assert np.isnan(uncertainty.without_each_competitor(alone)).all()


@pytest.mark.parametrize("version", ["v0.5", "v0.6"])
@pytest.mark.parametrize("method", ["documented", "official"])
def test_leaving_out_a_competitor_is_scoring_without_its_logs(version: str, method: Method) -> None:
    """Here `a` alone ran a variant; under v0.6 the official code then asks everybody for it."""
    times = {"a": {"wmt": [100.0], "wmt_post_ln": [100.0]}, "b": {"wmt": [50.0]}}
    trials = make_trials(times, rules_v05(["wmt", "wmt_post_ln"]))
    ruleset = load_ruleset(version, "external")
    board = assess(trials, resolve(ruleset, trials), method=method)
    left = uncertainty.without_each_competitor(board)
    for out, name in enumerate(board.submissions):
        others = [trial for trial in trials if trial.submission != name]
        alone = assess(others, resolve(ruleset, others), method=method)
        np.testing.assert_array_equal(np.delete(left[out], out), alone.score)


def test_grid_bounds_hold_the_score() -> None:
    low, high = uncertainty.grid_bounds(BOARD)
    assert (low <= BOARD.score).all() and (BOARD.score <= high).all()
    assert (low < high).any()


GROUP = ["criteo1tb", "criteo1tb_embed_init", "criteo1tb_test"]
GROUP_RULES = rules_v05(GROUP)


def crossing(name: str, workload: str, early: float, late: float) -> Trial:
    """A trial that crossed its target between two evaluations."""
    made = hitting_trial(late, workload, GROUP_RULES, submission=name)
    times = made.times_sec * (1.0 if late == inf else np.array([2 * early / late, 1]))
    return dataclasses.replace(made, columns={**made.columns, TIME: times})


def test_somebodys_earlier_time_may_cut_a_rival_off() -> None:
    """z may have reached the variant's target at 60 s. Then x, the fastest on the base, is out there
    with its 400 s. From 50 s on I am in, with my 200 s; at 30 s I am out as well.
    """
    for earliest, expected in [(60, (3, 4)), (100, (3, 3)), (50, (3, 4)), (30, (0, 4))]:
        trials = [
            crossing(name, workload, *times)
            for name, base, held_out in [
                ("me", (200, 200), (199, 200)),
                ("x", (100, 100), (400, 400)),
                ("z", (300, 300), (earliest, 150)),
            ]
            for workload, times in [("criteo1tb", base), (GROUP[1], held_out)]
        ]
        low, high = uncertainty.grid_bounds(assess(trials, rules_v05()))
        credit = {4: 1, 3: 2 / 3, 0: 0}
        np.testing.assert_allclose(
            [8 * low[0], 8 * high[0]], [credit[e] for e in expected], err_msg=str(earliest)
        )


SPAN = st.just((inf, inf)) | st.tuples(st.floats(1, 90), st.floats(1, 90)).map(
    lambda pair: (min(pair), max(pair))
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(SPAN, SPAN, SPAN), min_size=1, max_size=5),
    st.sampled_from(["v0.5", "v0.6"]),
    st.sampled_from(["documented", "official"]),
    st.integers(0, 99).map(random.Random),
)
def test_no_crossings_within_the_grid_give_a_score_outside_the_bounds(
    spans: list, version: str, method: Method, chance: random.Random
) -> None:
    """Under v0.6 the official code asks for both variants."""
    trials = [
        crossing(str(place), workload, *span)
        for place, row in enumerate(spans)
        for workload, span in zip(GROUP, row, strict=True)
    ]
    board = assess(trials, resolve(load_ruleset(version, "external"), trials), method=method)
    low, high = uncertainty.grid_bounds(board)
    assert (low <= board.score).all() and (board.score <= high).all()
    latest, earliest = board.time_sec, boards.earliest_times(board)
    reached = np.isfinite(latest)
    for _ in range(40):
        part = np.reshape(
            [chance.choice([0, 1, chance.random()]) for _ in latest.flat], latest.shape
        )
        true = latest.copy()
        true[reached] -= part[reached] * (latest[reached] - earliest[reached])
        # Rounded, it may lie outside by a digit, and the official grid has steps.
        true = np.clip(true, earliest, latest)
        score = profiles.scores(true, board.scoring)
        assert (low <= score + 1e-12).all() and (score <= high + 1e-12).all()


def test_a_resample_has_as_many_studies_as_there_are() -> None:
    """Of two studies half the resamples take both; their median is the mean of the two."""
    board = make_board({"a": {"ogbg": [5.0, 5.0, 5.0]}, "b": {"ogbg": [5.0, 7.0]}}, ["ogbg"])
    found = over_studies(board, num_resamples=500, level=0.2)
    np.testing.assert_allclose(found.score_low[1], (4 - 6 / 5) / 3)
    np.testing.assert_allclose(found.score_high[1], (4 - 6 / 5) / 3)
