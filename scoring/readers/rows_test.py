"""Rows that cannot be what happened: which are left out, and that each is named."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scoring.board import assess
from scoring.export import write_trial
from scoring.readers.logs import read_logs
from scoring.records import Ledger
from scoring.testing import errors, events_text, make_trial, rules_v05, write_events, write_tidy
from scoring.times import first_hit


def rewritten(folder: Path, change: Callable[[str], str]) -> Ledger:
    """What is read after a change to the text of the official log of a trial."""
    path = folder / "eval_measurements.csv"
    path.write_text(change(path.read_text()))
    return read_logs([folder])


def test_a_torn_last_row_is_left_out_even_if_it_looks_whole(tmp_path: Path) -> None:
    """The 0.2 at its end may have been 0.25."""
    folder = write_trial(make_trial([0.3, 0.2]), tmp_path)
    ledger = rewritten(folder, lambda text: text[:-1])
    assert ledger.trials[0].num_evaluations == 1
    (error,) = errors(ledger)
    assert error.startswith(f"{folder}/eval_measurements.csv:3: row left out: torn")


def test_torn_tidy_tables_lose_their_last_row(tmp_path: Path) -> None:
    write_tidy(tmp_path, [make_trial([0.3, 0.2])], ".csv")
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text()[:-1])
    header = "version,ruleset,submission,workload,framework,study,trial,has_eval_csv"
    row = "v05,external,adamw,criteo1tb,jax,0,2,False"
    (tmp_path / "trials.csv").write_text(f"{header}\n{row}")
    ledger = read_logs([tmp_path])
    assert [trial.num_evaluations for trial in ledger.trials] == [1]
    first, second = errors(ledger)
    assert f"{path}:3: row left out: torn" in first
    assert "trials.csv:2: row left out: torn" in second


@pytest.mark.parametrize(
    ("times", "kept"),
    [([1, 5, 3, 4, 6], [1, 5, 6]), ([1, 2, 2, 3, 4], [1, 2, 3, 4]), ([3, 1, 2, 4, 5], [3, 4, 5])],
)
def test_time_that_goes_back_or_stands_still_leaves_rows_out(
    tmp_path: Path, times: list[float], kept: list[float]
) -> None:
    folder = write_trial(make_trial([0.2] * 5, times), tmp_path / "official")
    write_tidy(tmp_path, [make_trial([0.2] * 5, times)], ".csv")
    log = events_text([0.2] * 5)
    for k, time in enumerate(times):
        log = log.replace(f'"timedSec": {100.0 * (k + 1)}', f'"timedSec": {time}.5')
    for place in (folder, tmp_path / "evals_v05_external_adamw.csv", write_events(tmp_path, log)):
        ledger = read_logs([place] if place != tmp_path else [tmp_path / "events.jsonl"])
        assert [int(time) for time in ledger.trials[0].times_sec] == kept
        assert len(errors(ledger)) == 5 - len(kept)
        assert "row left out: accumulated_submission_time is" in errors(ledger)[0]


def test_steps_that_go_back_leave_rows_out(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.2] * 3), tmp_path)
    ledger = rewritten(folder, lambda text: text.replace(",21,0,", ",10,0,"))
    assert ledger.trials[0].times_sec.tolist() == [100, 200]
    (error,) = errors(ledger)
    assert f"{folder}/eval_measurements.csv:4: row left out: global_step is 10 after 11" in error


def test_rows_in_order_again_after_a_preemption_are_no_error(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.4, 0.3, 0.2]), tmp_path)
    again = write_trial(make_trial([0.4, 0.1, 0.1], [100, 190, 290]), tmp_path / "resumed")
    rows = (again / "eval_measurements.csv").read_text().splitlines(keepends=True)[2:]
    rows = [row.replace("1,0,", "1,1,", 1) for row in rows]
    ledger = rewritten(folder, lambda text: text + "".join(rows))
    assert ledger.trials[0].times_sec.tolist() == [100, 190, 290]
    assert not errors(ledger)


def test_the_official_method_takes_rows_that_were_written_again_as_they_stand(
    tmp_path: Path,
) -> None:
    """A hit that the run resumed from an earlier checkpoint did not repeat, and a later one."""
    folder = write_trial(make_trial([0.4, 0.3, 0.1]), tmp_path)
    again = write_trial(make_trial([0.4, 0.3, 0.3, 0.1], [100, 190, 290, 390]), tmp_path / "again")
    rows = (again / "eval_measurements.csv").read_text().splitlines(keepends=True)[2:]
    rows = [row.replace("1,0,", "1,1,", 1) for row in rows]
    ledger = rewritten(folder, lambda text: text + "".join(rows))
    (problem,) = ledger.problems
    assert "2 rows were written again" in problem.text and not problem.is_error
    found = {}
    for method in ("documented", "official"):
        board = assess(ledger.trials, rules_v05(["criteo1tb"]), method=method)
        found[method] = (board.time_sec.item(), board.hits[0].row, board.hits[0].earliest_sec)
    assert found == {"documented": (390, 3, 290), "official": (300, 2, 200)}


def test_one_wrong_preemption_count_is_an_error_and_costs_no_row(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.4, 0.3, 0.2]), tmp_path)
    ledger = rewritten(folder, lambda text: text.replace(",11,0,", ",11,1,"))
    assert ledger.trials[0].times_sec.tolist() == [100, 200, 300]
    (error,) = errors(ledger)
    assert f"{folder}/eval_measurements.csv:4: preemption_count is 0 after 1" in error


@pytest.mark.parametrize("cell", ["0.5", "10.5"])
def test_a_count_or_step_that_is_not_whole_leaves_its_row_out(tmp_path: Path, cell: str) -> None:
    folder = write_trial(make_trial([0.3, 0.2, 0.1]), tmp_path)
    cells = f",11,{cell}," if cell == "0.5" else f",{cell},0,"
    ledger = rewritten(folder, lambda text: text.replace(",11,0,", cells))
    assert ledger.trials[0].times_sec.tolist() == [100, 300]
    (error,) = errors(ledger)
    assert f"is {cell}, expected a whole number from 0" in error


@pytest.mark.parametrize("count", ["", "nan"])
def test_a_row_without_its_preemption_count_is_left_out(tmp_path: Path, count: str) -> None:
    folder = write_trial(make_trial([0.3, 0.2]), tmp_path)
    ledger = rewritten(folder, lambda text: text.replace(",11,0,", f",11,{count},"))
    assert ledger.trials[0].times_sec.tolist() == [100]
    assert "csv:3: row left out: preemption_count is nan" in errors(ledger)[0]


def test_a_metric_that_is_infinitely_good_is_an_error_and_attains_nothing(tmp_path: Path) -> None:
    values = [0.3, -math.inf, math.inf]
    folder = write_trial(make_trial(values), tmp_path / "official")
    log = write_events(tmp_path / "events", events_text(values))
    for place, line in ((folder, 3), (log, 3)):
        ledger = read_logs([place])
        (trial,) = ledger.trials
        np.testing.assert_array_equal(trial.columns["validation/loss"], values)
        (error,) = errors(ledger)
        assert f":{line}: validation/loss is -inf" in error
        assert not first_hit(trial, rules_v05().workloads["criteo1tb"]).reached


def test_an_official_log_without_rows_is_an_error(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.3]), tmp_path)
    ledger = rewritten(folder, lambda text: text.partition("\n")[0] + "\n")
    assert ledger.trials[0].num_evaluations == 0
    assert "a header and no row" in errors(ledger)[0]


def test_score_and_submission_time_that_differ_are_reported(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.2]), tmp_path)
    path = folder / "eval_measurements.csv"
    header, row = path.read_text().splitlines()
    cells = dict(zip(header.split(","), row.split(","), strict=True)) | {"score": "77.0"}
    path.write_text(f"{header}\n{','.join(cells.values())}\n")
    ledger = read_logs([tmp_path])
    assert ledger.trials[0].times_sec.tolist() == [77.0]
    (error,) = errors(ledger)
    assert error.startswith(f"{path}:2: `score` is 77.0 and `accumulated_submission_time` 100.0")
    assert "`score` counts" in error


def test_a_log_without_score_counts_by_the_submission_time_and_is_noted(tmp_path: Path) -> None:
    folder = write_trial(make_trial([0.2]), tmp_path)
    ledger = rewritten(folder, lambda text: text.replace("score", "other"))
    assert ledger.trials[0].times_sec.tolist() == [100]
    (problem,) = ledger.problems
    assert "has no column score" in problem.text and not problem.is_error


@pytest.mark.parametrize(
    "identity",
    [
        "criteo1tb,jax,,1",
        "criteo1tb,jax,0.0,1",
        "criteo1tb,tpu,0,1",
        ",jax,0,1",
        '"criteo1tb",jax,0,1',
    ],
)
def test_a_tidy_row_that_names_no_trial_is_left_out(tmp_path: Path, identity: str) -> None:
    write_tidy(tmp_path, [make_trial([0.3]), make_trial([0.2], trial=2)], ".csv")
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text().replace("criteo1tb,jax,0,2", identity))
    ledger = read_logs([tmp_path])
    assert [trial.trial for trial in ledger.trials] == ["trial_1"]
    (error,) = errors(ledger)
    assert error.startswith(f"{path}:3: row left out, and all of its trial: ")


@pytest.mark.parametrize(
    "row",
    [
        "v05,external,adamw",
        "v05,external,adamw,criteo1tb,jax,0,2,1,8000",
        "v05,external,adamw,criteo1tb,jax,0,2,False,nan",
        "v05,external,adamw,criteo1tb,jax,,2,False,8000",
    ],
)
def test_a_row_of_the_table_of_trials_that_does_not_fit_is_left_out(
    tmp_path: Path, row: str
) -> None:
    write_tidy(tmp_path, [make_trial([0.3])], ".csv")
    header = "version,ruleset,submission,workload,framework,study,trial,has_eval_csv"
    (tmp_path / "trials.csv").write_text(f"{header},final_submission_time\n{row}\n")
    ledger = read_logs([tmp_path])
    assert len(ledger.trials) == 1
    (error,) = errors(ledger)
    assert "trials.csv:2: row left out" in error
