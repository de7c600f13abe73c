"""From trials to scores: known leaderboards, and what must hold for any."""

import dataclasses
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import board as boards
from scoring.board import CrashedTrialsError, assess
from scoring.outcomes import Ending
from scoring.records import Facts, Trial
from scoring.rules import Rules, resolve
from scoring.tables import as_json, report
from scoring.testing import hitting_trial, make_board, make_trial, make_trials, rules_v05
from scoring.times import Method
from spec import workload_pb2
from spec.loading import SpecError, load_ruleset, load_workload

inf, nan = math.inf, math.nan
TWO = ["criteo1tb", "ogbg"]


def test_a_leaderboard_worked_out_by_hand() -> None:
    board = make_board(
        {
            "fast": {"criteo1tb": [90, 100, 5000], "ogbg": [inf, 200, 300]},
            "slow": {"criteo1tb": [200, 250, 260], "ogbg": [inf, inf, 100]},
        },
        TWO,
    )
    np.testing.assert_array_equal(board.time_sec, [[100, 300], [250, inf]])
    np.testing.assert_array_equal(board.ratio, [[1, 1], [2.5, inf]])
    assert board.score.tolist() == [1, 0.25]
    assert [board.submissions[i] for i in board.order] == ["fast", "slow"]
    assert board.rank.tolist() == [1, 2]


def test_the_held_out_rule_of_v05() -> None:
    board = make_board(
        {
            "fast": {"ogbg": [100], "ogbg_model_size": [inf]},
            "slow": {"ogbg": [300], "ogbg_model_size": [500]},
        }
    )
    ogbg = board.rules.base.index("ogbg")
    assert board.ratio[:, ogbg].tolist() == [inf, 1]
    np.testing.assert_allclose(board.score, [0, 1 / 8])


def v06(trials: list, workloads: list[str] | None = None) -> Rules:
    return resolve(load_ruleset("v0.6", "external"), trials, workloads)


VARIANT = {"a": {"wmt": [100], "wmt_post_ln": [100]}, "b": {"wmt": [50]}}


@pytest.mark.parametrize(("method", "expected"), [("documented", [2 / 3, 1]), ("official", [1, 0])])
def test_without_held_outs_the_official_code_takes_any_variant_for_one(
    method: Method, expected: list[float]
) -> None:
    trials = make_trials(VARIANT, rules_v05(["wmt", "wmt_post_ln"]))
    board = assess(trials, v06(trials), method=method)
    credit = board.credit[:, board.rules.base.index("wmt")]
    np.testing.assert_array_equal(credit, expected)
    assert dict(board.rules.held_out) == ({} if method == "documented" else {"wmt_post_ln": "wmt"})


def test_a_development_workload_is_held_out_of_none() -> None:
    """Its name holds that of a base workload, but it is no variant; criteo1tb_test is one."""
    times: dict[str, list[float]] = {"wmt": [100], "tiny/wmt": [inf], "tiny/wmt_post_ln": [inf]}
    times |= {"criteo1tb": [100], "criteo1tb_test": [inf]}
    trials = make_trials({"a": times}, v06([], list(times)))
    board = assess(trials, v06(trials), method="official")
    assert dict(board.rules.held_out) == {"criteo1tb_test": "criteo1tb"}
    assert board.score.tolist() == [1 / 8]


def mine(target: float, origin: str) -> Trial:
    """A trial of a workload that its log alone describes, with this target."""
    workload = workload_pb2.Workload()
    workload.CopyFrom(load_workload("digits_vit"))
    workload.name = "mine"
    workload.rules["v0.6"].validation_target = target
    made = make_trial([0.9], workload="mine", metric="validation/accuracy", submission=origin)
    return dataclasses.replace(made, origin=origin, facts=Facts(workload=workload))


def test_logs_that_do_not_agree_on_a_workload_are_an_error() -> None:
    agreed = v06([mine(0.8, "a"), mine(0.8, "b")], ["mine"])
    assert agreed.workloads["mine"].target == 0.8
    disputed = [mine(0.8, "a"), mine(0.95, "b")]
    message = r"do not agree on .* mine: .*0\.8 within 60 s in a; .*0\.95 within 60 s in b"
    with pytest.raises(SpecError, match=message):
        v06(disputed, ["mine"])
    others = v06([*disputed, make_trial([0.1])])
    assert "do not agree" in others.unknown["mine"] and "mine" not in others.workloads


@pytest.mark.parametrize("method", ["documented", "official"])
def test_workloads_that_are_asked_for_are_all_that_counts(method: Method) -> None:
    trials = make_trials(VARIANT, rules_v05(["wmt", "wmt_post_ln"]))
    board = assess(trials, v06(trials, ["wmt"]), method=method)
    assert board.score[1] == 1 and not board.rules.held_out


@pytest.mark.parametrize("method", ["documented", "official"])
@pytest.mark.parametrize("on_crash", ["miss", "exclude"])
def test_logs_that_do_not_count_change_nothing(method: Method, on_crash: str) -> None:
    """Not a variant that was not drawn, not in further studies, and not of a submission that ran
    nothing else. Without them `a` is the faster one.
    """
    counted = {
        name: {"ogbg": [time] * 3, "ogbg_model_size": [time] * 3}
        for name, time in [("a", 100.0), ("b", 150.0)]
    }
    more = {**counted, "a": {**counted["a"], "ogbg_gelu": [90.0] * 9}}
    more["dev"] = {"wmt_post_ln": [10.0], "criteo1tb_layernorm": [inf, inf]}
    found, wanted = (
        report(
            assess(trials, resolve(rules_v05().ruleset, trials), method=method, on_crash=on_crash),  # type: ignore[arg-type]
            seed=0,
            num_resamples=50,
            problems=[],
            is_standard=True,
        )
        for trials in (
            make_trials(ledger, rules_v05([*rules_v05().counted, *more["a"], *more["dev"]]))
            for ledger in (more, counted)
        )
    )
    assert wanted.board.score[0] == pytest.approx(1 / 8)
    assert as_json(found) == as_json(wanted)


def crashed_study() -> list:
    rules = rules_v05(TWO)
    return [
        hitting_trial(100, "criteo1tb", rules, study=0),
        make_trial([0.2], [20], study=1),
        make_trial([], study=2),
    ]


@pytest.mark.parametrize(("on_crash", "time"), [("miss", inf), ("exclude", 100)])
def test_what_a_crash_counts_as(on_crash: str, time: float) -> None:
    board = assess(crashed_study(), rules_v05(TWO), on_crash=on_crash)  # type: ignore[arg-type]
    assert board.time_sec[0, 0] == time
    assert boards.num_crashed(board) == {"adamw": 2}
    counts = boards.ending_counts(board)["adamw"]
    assert counts[Ending.NO_EVALUATION.value] == counts[Ending.TARGET_REACHED.value] == 1


def test_crashes_can_be_refused() -> None:
    with pytest.raises(
        CrashedTrialsError, match=r"2 trials crashed(.|\n)*study_1.*first evaluation"
    ):
        assess(crashed_study(), rules_v05(TWO), on_crash="refuse")
    assess(crashed_study()[:1], rules_v05(TWO), on_crash="refuse")


def test_a_crash_after_the_target_is_not_excluded() -> None:
    trial = hitting_trial(100, "criteo1tb", rules_v05(TWO))
    trial = dataclasses.replace(trial, facts=Facts(ended="HARNESS_ERROR"))
    board = assess([trial], rules_v05(TWO), on_crash="exclude")
    assert board.time_sec[0, 0] == 100


def test_first_stable_hits() -> None:
    trials = [make_trial([0.1, 0.2, 0.1]), make_trial([0.1, 0.2], study=1)]
    board = assess(trials, rules_v05(TWO))
    assert board.time_sec[0, 0] == 100
    assert boards.stable_times(board)[0, 0] == inf
    one = assess(trials[:1], rules_v05(TWO))
    assert boards.stable_times(one)[0, 0] == 300


def test_the_grid_of_evaluations_bounds_the_crossing_from_below() -> None:
    trials = [
        make_trial([0.2, 0.1], [80, 100]),
        make_trial([0.2, 0.1], [50, 110], trial=2),
        make_trial([0.2, 0.1], [90, 95], study=1),
    ]
    board = assess(trials, rules_v05(TWO))
    assert board.time_sec[0, 0] == 97.5
    assert boards.earliest_times(board)[0, 0] == 70  # the median of min(80, 50) and 90
    assert np.isnan(boards.earliest_times(board)[0, 1])


def test_under_the_official_method_too_the_bound_is_no_later_than_the_time() -> None:
    """Two of three studies have no readable trial: they are left out of both medians."""
    trials = [make_trial([0.2, 0.1], [80, 100]), make_trial([], study=1), make_trial([], study=2)]
    board = assess(trials, rules_v05(TWO), method="official")
    assert (boards.earliest_times(board)[0, 0], board.time_sec[0, 0]) == (80, 100)


def test_the_fixed_reference_is_the_fraction_of_the_budget_that_is_left() -> None:
    times = {"a": {"criteo1tb": [7703 / 4], "ogbg": [inf]}, "b": {"criteo1tb": [10.0]}}
    both = boards.fixed_reference_scores(make_board(times, TWO))
    alone = boards.fixed_reference_scores(make_board({"a": times["a"]}, TWO))
    assert both is not None and alone is not None
    np.testing.assert_allclose(alone, [0.75 / 2])
    assert both[0] == alone[0]


def test_the_fixed_reference_asks_for_the_held_out_target_too() -> None:
    board = make_board({"a": {"ogbg": [100], "ogbg_model_size": [inf]}, "b": {"ogbg": [100]}})
    fixed = boards.fixed_reference_scores(board)
    assert fixed is not None and fixed.tolist() == [0, 0]


TIMES = st.lists(st.floats(1, 7000) | st.just(inf), min_size=3, max_size=3)
LEDGERS = st.dictionaries(
    st.sampled_from("abcd"),
    st.fixed_dictionaries({}, optional=dict.fromkeys([*TWO, "ogbg_model_size"], TIMES)),
    min_size=1,
)
METHODS = st.sampled_from(["documented", "official"])


def scores(trials: list, method: Method) -> dict[str, float]:
    board = assess(trials, rules_v05(), method=method)
    return dict(zip(board.submissions, board.score.round(12), strict=True))


@settings(max_examples=40)
@given(LEDGERS, METHODS, st.randoms(use_true_random=False))
def test_order_never_matters(ledger: dict, method: Method, chance: random.Random) -> None:
    trials = make_trials(ledger, rules_v05())
    shuffled = list(trials)
    chance.shuffle(shuffled)
    assert scores(trials, method) == scores(shuffled, method)


@settings(max_examples=40)
@given(LEDGERS, METHODS, st.sampled_from([0.25, 0.5, 2.0]))
def test_scaling_all_times_leaves_scores_alone(ledger: dict, method: Method, factor: float) -> None:
    trials = make_trials(ledger, rules_v05())
    rules = rules_v05()
    wide = {
        n: dataclasses.replace(r, budget_sec=r.budget_sec * factor)
        for n, r in rules.workloads.items()
    }
    scaled = [
        dataclasses.replace(
            trial,
            columns={**trial.columns, "accumulated_submission_time": trial.times_sec * factor},
        )
        for trial in trials
    ]
    board = assess(scaled, dataclasses.replace(rules, workloads=wide), method=method)
    after = dict(zip(board.submissions, board.score.round(12), strict=True))
    assert after == scores(trials, method)


@settings(max_examples=40)
@given(LEDGERS, METHODS, st.floats(0.1, 1), st.sampled_from("abcd"))
def test_a_uniformly_faster_submission_never_scores_lower(
    ledger: dict, method: Method, factor: float, name: str
) -> None:
    if name not in ledger:
        return
    before = scores(make_trials(ledger, rules_v05()), method)
    faster = {w: [time * factor for time in times] for w, times in ledger[name].items()}
    after = scores(make_trials({**ledger, name: faster}, rules_v05()), method)
    assert after.get(name, 0) >= before.get(name, 0)


@settings(max_examples=40)
@given(LEDGERS, METHODS, st.sampled_from("abcd"))
def test_a_study_of_misses_never_helps(ledger: dict, method: Method, name: str) -> None:
    if name not in ledger:
        return
    before = scores(make_trials(ledger, rules_v05()), method)
    longer = {workload: [*times, inf] for workload, times in ledger[name].items()}
    after = scores(make_trials({**ledger, name: longer}, rules_v05()), method)
    assert after.get(name, 0) <= before.get(name, 0)


@pytest.mark.parametrize(("method", "time"), [("documented", inf), ("official", 9000)])
def test_the_official_code_leaves_budgets_to_the_runner(method: Method, time: float) -> None:
    trial = make_trial([0.2, 0.1], [100, 9000])  # the budget is 7703 s
    assert assess([trial], rules_v05(TWO), method=method).time_sec[0, 0] == time


def test_a_trial_more_never_hurts() -> None:
    rules = rules_v05(TWO)
    trials = [
        hitting_trial(100, "criteo1tb", rules),
        hitting_trial(60, "criteo1tb", rules, trial=2),
    ]
    assert assess(trials, rules).time_sec[0, 0] == 60
