"""Against the published logs, where they are found: every digit of the official scores."""

import csv
import json
import lzma
import math
from pathlib import Path

import numpy as np
import pytest

from scoring import profiles
from scoring.board import Board, assess
from scoring.readers.logs import read_logs
from scoring.records import Ledger
from scoring.rules import resolve
from scoring.testing import published_logs
from spec.loading import load_ruleset


def board_of(ledger: Ledger, method: str) -> Board:
    rules = resolve(load_ruleset("v0.5", "external"), ledger.trials)
    return assess(ledger.trials, rules, method=method)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def logs() -> Path:
    return published_logs()


@pytest.fixture(scope="module")
def tidy(logs: Path) -> Ledger:
    return read_logs([logs / "tidy"])


@pytest.fixture(scope="module")
def raw(logs: Path) -> Ledger:
    return read_logs([logs / "raw", logs / "raw_full"])


@pytest.fixture(scope="module")
def expected(logs: Path) -> dict:
    return json.loads((logs / "expected" / "subset_scores_visible.json").read_text())


def check_against(board: Board, expected: dict) -> None:
    for name, score in expected["scores"].items():
        assert board.score[board.submissions.index(name)] == pytest.approx(score, abs=1e-12)
    for name, times in expected["median_time_to_target_s"].items():
        for workload, time in times.items():
            found = board.time_sec[board.submissions.index(name), board.workloads.index(workload)]
            wanted = math.nan if time is None else float(time)
            np.testing.assert_allclose(found, wanted, rtol=1e-12)
    for name, ratios in expected["performance_ratios"].items():
        row = board.ratio[board.submissions.index(name)]
        found = dict(zip(board.rules.base, row, strict=True))
        for workload, ratio in ratios.items():
            assert found[workload] == pytest.approx(float(ratio), rel=1e-12)


def test_official_scores_times_and_ratios(tidy: Ledger, expected: dict) -> None:
    """Ties between trials depend on the order of folders there; sorted, it is ours."""
    check_against(board_of(tidy, "official"), expected["official_sorted_listing"])


def test_official_scores_in_any_order_of_folders(tidy: Ledger, expected: dict) -> None:
    board = board_of(tidy, "official")
    for name, score in expected["official"]["scores"].items():
        assert board.score[board.submissions.index(name)] == pytest.approx(score, abs=1e-12)


def test_documented_times_with_the_official_credit(tidy: Ledger, expected: dict) -> None:
    board = board_of(tidy, "documented")
    official = profiles.layout(
        board.workloads, board.rules.base, board.rules.held_out, 4, "official"
    )
    scores = profiles.scores(board.time_sec, official)
    for name, score in expected["scores_fastest_by_time"].items():
        found = scores[board.submissions.index(name)]
        assert found == pytest.approx(score, abs=2e-4 if name == "lawa_ema" else 1e-12)


def test_every_trials_time(tidy: Ledger, logs: Path) -> None:
    board = board_of(tidy, "official")
    found = {trial.key: hit for trial, hit in zip(board.trials, board.hits, strict=True)}
    with lzma.open(logs / "expected" / "trial_time_to_target.csv.xz", "rt") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 2000
    for row in rows:
        hit = found[row["submission"], row["workload"], row["study"], row["trial"]]
        assert hit.time_sec == float(row["hit_submission_time_s"])
        if hit.reached:
            assert hit.row == int(float(row["hit_eval_index"]))
            assert hit.step == float(row["hit_global_step"])


def test_crashes_are_told_without_the_table_of_trials(tidy: Ledger, logs: Path) -> None:
    alone = read_logs(sorted((logs / "tidy").glob("evals_*")))
    found, wanted = (
        {
            trial.key: ended.crashed
            for trial, ended in zip(board.trials, board.outcomes, strict=True)
        }
        for board in (board_of(alone, "documented"), board_of(tidy, "documented"))
    )
    assert found == {key: wanted[key] for key in found}


def test_raw_logs_say_what_the_tidy_ones_say(tidy: Ledger, raw: Ledger) -> None:
    known = {trial.key: trial for trial in tidy.trials}
    assert not [problem for problem in raw.problems if problem.is_error]
    assert len(raw.trials) > 1100
    for trial in raw.trials:
        np.testing.assert_allclose(trial.times_sec, known[trial.key].times_sec, rtol=1e-12)


def test_raw_and_tidy_logs_together_change_nothing(tidy: Ledger, logs: Path) -> None:
    both = read_logs([logs / "tidy", logs / "raw", logs / "raw_full"])
    assert len(both.trials) == len(tidy.trials)
    found, wanted = (board_of(ledger, "official").time_sec for ledger in (both, tidy))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
