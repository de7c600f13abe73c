"""The command from its arguments to its files."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scoring import tables
from scoring.export import write_trial, write_trials
from scoring.records import Facts, Problem
from scoring.score import main
from scoring.testing import (
    V05,
    events_text,
    make_board,
    make_trial,
    make_trials,
    rows_of,
    rules_v05,
)
from spec import timing_pb2

TIMES = {
    "fast": {"criteo1tb": [100.0, 110.0], "ogbg": [200.0, 300.0]},
    "slow": {"criteo1tb": [200.0, 220.0], "ogbg": [250.0, 250.0]},
}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write_trials(make_trials(TIMES, rules_v05()), tmp_path / "logs")
    return tmp_path / "logs"


def test_scores_json_and_tables(logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "report"
    assert main([str(logs), *V05, "--workloads", "criteo1tb,ogbg", "--out", str(out)]) == 0
    data = json.loads((out / "scores.json").read_text())
    fast, slow = data["submissions"]["fast"], data["submissions"]["slow"]
    assert list(data["submissions"]) == ["fast", "slow"]
    assert (fast["score"], fast["rank"], fast["trials"]["total"]) == (1, 1, 4)
    assert slow["workloads"]["criteo1tb"]["time_sec"] == 210
    assert slow["workloads"]["criteo1tb"]["ratio"] == 2
    assert slow["score"] == pytest.approx((2 / 3 + 1) / 2)
    assert slow["interval"][0] <= slow["score"] <= slow["interval"][1]
    scores = rows_of(out / "scores.csv")
    assert [(row["rank"], row["submission"]) for row in scores] == [("1", "fast"), ("2", "slow")]
    trials = rows_of(out / "trials.csv")
    assert len(trials) == 8 and {row["outcome"] for row in trials} == {"target reached"}
    assert len(rows_of(out / "times.csv")) == 4
    printed = capsys.readouterr().out
    assert "no AlgoPerf score" in printed and "a crashed trial: miss" in printed


def test_the_seconds_of_a_trial_are_those_its_evidence_names(tmp_path: Path) -> None:
    trial = make_trial([0.2], [20.0], facts=Facts(loop_ended=True, final_time_sec=50.0))
    write_trials([trial], tmp_path / "logs")
    assert main([str(tmp_path / "logs"), *V05, "--out", str(tmp_path / "out")]) == 0
    (row,) = rows_of(tmp_path / "out" / "trials.csv")
    assert row["timed_sec"] == "50.0" and row["evidence"].startswith("50 s of a budget")


def test_measurements_that_end_before_the_evaluations_end_no_trial(tmp_path: Path) -> None:
    trial = make_trial([0.2] * 4, [10.0, 2500.0, 5000.0, 7500.0])
    folder = write_trial(trial, tmp_path / "logs")
    rows = (folder / "eval_measurements.csv").read_text().splitlines(keepends=True)
    (folder / "measurements.csv").write_text("".join(rows[:3]))
    asked = ["--on-crash", "refuse", "--out", str(tmp_path / "out")]
    assert main([str(tmp_path / "logs"), *V05, *asked]) == 0
    (row,) = rows_of(tmp_path / "out" / "trials.csv")
    assert (row["outcome"], row["timed_sec"]) == ("budget exhausted", "7500.0")


def test_the_same_input_gives_the_same_bytes(logs: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert main([str(logs), *V05, "--out", str(tmp_path / name)]) == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_workloads_without_logs_count_and_are_named(
    logs: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([str(logs), *V05]) == 0
    printed = capsys.readouterr().out
    assert "no logs at all for fastmri" in printed
    assert "0.2500" not in printed  # no variant was run, so nothing counts under v0.5


def test_the_held_out_rule_is_that_of_the_version(logs: Path, tmp_path: Path) -> None:
    arguments = ["--ruleset", "external", "--out", str(tmp_path / "out")]
    assert main([str(logs), "--rules", "v0.6", *arguments]) == 0
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert data["submissions"]["fast"]["score"] == pytest.approx(2 / 8)
    assert main([str(logs), "--rules", "v0.5", *arguments]) == 0
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert data["submissions"]["fast"]["score"] == 0
    assert data["submissions"]["fast"]["workloads"]["ogbg_model_size"]["time_sec"] is None


def test_what_is_too_much_and_who_ran_nothing_that_counts_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    times = {"dev": {"ogbg_gelu": [1.0]}, "many": {"ogbg": [9.0] * 6}}
    trials = make_trials(times, rules_v05(["ogbg", "ogbg_gelu"]))
    trials += [make_trial([0.2], submission="tuned", trial=k) for k in range(7)]
    write_trials(trials, tmp_path / "logs")
    out = tmp_path / "out"
    assert main([str(tmp_path / "logs"), *V05, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "note: dev ran no workload that counts: not on the leaderboard" in printed
    assert "note: many has 6 studies, the ruleset 5: scored over all" in printed
    assert "note: tuned has 7 trials in a study, the ruleset 5: all count" in printed
    assert {row["submission"] for row in rows_of(out / "scores.csv")} == {"many", "tuned"}


def test_strict_makes_malformed_logs_an_error(logs: Path, capsys: pytest.CaptureFixture) -> None:
    path = next(logs.rglob("eval_measurements.csv"))
    assert main([str(logs), *V05, "--strict"]) == 0
    path.write_text(path.read_text() + "torn,")
    assert main([str(logs), *V05]) == 0
    assert main([str(logs), *V05, "--strict"]) == 1
    assert f"{path}:4: row left out" in capsys.readouterr().err


def test_crashes_can_be_refused(logs: Path, capsys: pytest.CaptureFixture) -> None:
    write_trials([make_trial([0.2], submission="slow", trial=2)], logs)
    assert main([str(logs), *V05, "--on-crash", "refuse"]) == 1
    assert "slow/criteo1tb/study_0/trial_2: ended after the first" in capsys.readouterr().err
    assert main([str(logs), *V05, "--on-crash", "exclude"]) == 0


def test_nothing_to_score(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(tmp_path)]) == 2
    assert "no trials found" in capsys.readouterr().err


def test_a_place_that_does_not_exist_scores_nothing(
    logs: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(logs), str(logs / "absent")])
    output = capsys.readouterr()
    assert "not found" in output.err and str(logs / "absent") in output.err
    assert not output.out


def test_wrong_arguments_get_one_line(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--rules", "v0.7", "logs"])
    [line] = capsys.readouterr().err.splitlines()
    assert "v0.5" in line


def test_names_that_are_not_utf_8_are_escaped(logs: Path, tmp_path: Path) -> None:
    os.rename(logs / "fast", os.fsencode(logs) + b"/\xff")
    command = [sys.executable, "-m", "scoring.score", str(logs), *V05, "--out", str(tmp_path / "o")]
    command += ["--workloads", "present"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "\\udcff" in result.stdout
    assert "\\udcff" in (tmp_path / "o" / "scores.csv").read_text()


def test_an_unknown_workload_is_an_error_with_a_hint(
    logs: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([str(logs), *V05, "--workloads", "ogb"]) == 2
    assert "Did you mean ogbg?" in capsys.readouterr().err


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    text = events_text(
        [0.5, 0.98],
        workload="mnist",
        metric="validation/accuracy",
        outcome=timing_pb2.TARGET_REACHED,
    )
    (folder / "events.jsonl").write_text(text)
    return folder


def test_a_run_of_a_development_workload_shows_its_trials(
    run_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([str(run_folder)]) == 0
    printed = capsys.readouterr().out
    assert "No score: none of the workloads of v0.6 external occurs" in printed
    assert "adamw" in printed and "mnist" in printed and "--workloads present" in printed


def test_without_a_score_the_trials_are_written_and_an_earlier_report_goes(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    asked = ["--out", str(out), "--audit"]
    assert main([str(run_folder), *asked, "--figures", "--workloads", "present"]) == 0
    (out / "mine.txt").write_text("")
    assert main([str(run_folder), *asked]) == 0
    assert {path.name for path in out.iterdir()} >= {"trials.csv", "audit.csv", "mine.txt"}
    assert not {"scores.json", "report.html"} & {path.name for path in out.iterdir()}
    assert [row["workload"] for row in rows_of(out / "trials.csv")] == ["mnist"]
    assert f"written to {out}: audit.csv, trials.csv" in capsys.readouterr().out


def test_the_workloads_present_can_be_scored(run_folder: Path, tmp_path: Path) -> None:
    text = (run_folder / "events.jsonl").read_text()
    (run_folder / "events.jsonl").write_text(text.replace("00.0", "0.0"))
    out = tmp_path / "out"
    assert main([str(run_folder), "--workloads", "present", "--out", str(out)]) == 0
    data = json.loads((out / "scores.json").read_text())
    assert data["rules"]["base_workloads"] == ["mnist"] and "no AlgoPerf score" in data["title"]
    assert data["submissions"]["adamw"]["score"] == 1
    assert data["submissions"]["adamw"]["workloads"]["mnist"]["time_sec"] == 20


def test_present_workloads_without_any_rules_are_an_error(
    run_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    log = run_folder / "events.jsonl"
    log.write_text(log.read_text().replace('"rules": {', '"elsewhere": {').replace("mnist", "mine"))
    assert main([str(run_folder), "--workloads", "present"]) == 2
    assert "no workload of the logs has rules" in capsys.readouterr().err


def test_audit_figures_and_export(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out, exported = tmp_path / "out", tmp_path / "exported"
    extra = ["--audit", "--figures", "--export", str(exported), "--out", str(out)]
    assert main([str(logs), *V05, *extra]) == 0
    assert {row["check"] for row in rows_of(out / "audit.csv")} >= {"number of studies"}
    assert (out / "figures" / "performance_profiles.svg").is_file()
    assert (out / "report.html").read_text().count("number of studies") >= 1
    printed = capsys.readouterr().out
    assert "8 trials written to" in printed and "fast has 2 of 5 studies" in printed
    again = tmp_path / "again"
    assert main([str(exported), *V05, "--out", str(again)]) == 0
    assert (again / "times.csv").read_bytes() == (out / "times.csv").read_bytes()


@pytest.mark.parametrize(
    "wrong", [["--resamples", "0"], ["--resamples", "many"], ["--seed", "-1"], ["--seed", "1.5"]]
)
def test_a_number_out_of_range_is_a_usage_error(
    logs: Path, wrong: list[str], capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(logs), *V05, *wrong])
    assert f"{wrong[1]!r}, expected a whole number from" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--export"])
def test_a_file_in_the_place_of_a_folder_is_one_line(
    logs: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(logs), *V05, option, str(tmp_path / "file")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and str(tmp_path / "file") in line


def test_a_place_that_cannot_be_written_is_told_before_any_table(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(logs), *V05, "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().out == ""


def test_a_reader_that_has_seen_enough_costs_no_file(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    places = ["--out", str(tmp_path / "out"), "--export", str(tmp_path / "exported")]
    with pytest.raises(BrokenPipeError):
        main([str(logs), *V05, *places])
    assert (tmp_path / "out" / "report.html").is_file()
    assert len(list((tmp_path / "exported").rglob("flags_0.json"))) == 8


@pytest.mark.parametrize("option", ["--out", "--export"])
def test_an_empty_path_is_not_the_folder_one_is_in(
    logs: Path, option: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(logs), *V05, option, ""])
    assert f"{option}: an empty path" in capsys.readouterr().err


def test_two_logs_of_one_trial_are_not_exported_over_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for place, time in [("a", 100.0), ("b", 200.0)]:
        write_trials(make_trials({"one": {"criteo1tb": [time]}}, rules_v05()), tmp_path / place)
    places = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert main([*places, *V05, "--export", str(tmp_path / "out")]) == 2
    assert "would be written twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "target", "why"),
    [
        ("logs", "logs", "is among the logs"),
        ("logs", "logs/exported", "is among the logs"),
        ("linked", "logs", "is among the logs"),
        ("logs/fast/study_0/ogbg_jax/trial_1/eval_measurements.csv", "logs", "is among the logs"),
        ("copy", "logs", "holds files already"),
    ],
)
def test_an_export_changes_no_log(
    logs: Path, place: str, target: str, why: str, capsys: pytest.CaptureFixture
) -> None:
    (logs.parent / "linked").symlink_to(logs)
    shutil.copytree(logs, logs.parent / "copy")

    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in logs.parent.rglob("*") if path.is_file()}

    before = content()
    out = ["--out", str(logs.parent / "out"), "--export", str(logs.parent / target)]
    assert main([str(logs.parent / place), *V05, *out]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and why in line
    assert content() == before


def test_a_workload_named_twice_counts_once(logs: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(logs), *V05, "--workloads", "ogbg, ogbg"]) == 0
    assert "over ogbg alone" in capsys.readouterr().out


def test_an_empty_name_is_no_workload(logs: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(logs), *V05, "--workloads", "ogbg,"]) == 0
    assert "over ogbg alone" in capsys.readouterr().out
    assert main([str(logs), *V05, "--workloads", ","]) == 2
    assert "names no workload" in capsys.readouterr().err


def test_names_cannot_move_the_cursor(logs: Path, capsys: pytest.CaptureFixture) -> None:
    (logs / "fast").rename(logs / "\x1b[31mfast\n")
    path = next(logs.rglob("eval_measurements.csv"))
    path.write_text(path.read_text() + "torn")
    assert main([str(logs), *V05, "--workloads", "present", "--audit"]) == 0
    assert main([str(logs), *V05, "--on-crash", "refuse"]) == 0
    output = capsys.readouterr()
    assert "\x1b" not in output.out + output.err
    assert "\\x1b[31mfast\\n " in output.out


def test_an_earlier_report_leaves_nothing_behind(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main([str(logs), *V05, "--audit", "--figures", "--out", str(out)]) == 0
    (out / "figures" / "mine.svg").write_text("")
    assert main([str(logs), *V05, "--out", str(out)]) == 0
    assert not (out / "audit.csv").exists()
    assert [path.name for path in (out / "figures").iterdir()] == ["mine.svg"]


def test_one_study_has_no_interval(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_trials(make_trials({"one": {"ogbg": [100.0]}}, rules_v05()), tmp_path / "logs")
    assert main([str(tmp_path / "logs"), *V05, "--out", str(tmp_path / "out")]) == 0
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert data["submissions"]["one"]["interval"] == [None, None]
    assert data["submissions"]["one"]["rank_interval"] == [None, None]
    assert re.search(r"one +[0-9.]+ +one study +one study ", capsys.readouterr().out)


def test_both_orientations_of_a_speed_up_are_named(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    asked = ["--workloads", "criteo1tb", "--out", str(tmp_path)]
    assert main([str(logs), *V05, *asked]) == 0
    found = json.loads((tmp_path / "scores.json").read_text())["comparisons"]
    assert found["time_ratio_row_to_column"]["fast"]["slow"] == pytest.approx(0.5)
    assert found["speed_up_row_over_column"]["fast"]["slow"] == pytest.approx(2)
    printed = capsys.readouterr().out
    assert re.search(r"fast against +time ratio +speed-up\n[- ]+\nslow +0.500 +2.000\n", printed)


def test_a_way_that_fails_as_well_is_not_proposed(
    run_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    log = run_folder / "events.jsonl"
    log.write_text(log.read_text().replace('"rules": {', '"elsewhere": {').replace("mnist", "mine"))
    assert main([str(run_folder)]) == 0
    printed = capsys.readouterr().out
    assert "No score" in printed and "--workloads present" not in printed


def test_scores_json_holds_so_many_problems_errors_first_and_their_number() -> None:
    problems = [Problem(f"{k}.csv", 1, "odd", is_error=False) for k in range(2000)]
    problems.append(Problem("z.csv", 1, "wrong"))
    board = make_board(TIMES, ["criteo1tb", "ogbg"])
    result = tables.report(board, seed=0, num_resamples=2, problems=problems, is_standard=False)
    data = json.loads(json.dumps(tables.as_json(result)))
    assert data["num_problems"] == 2001
    assert len(data["problems"]) == tables.MAX_PROBLEMS
    assert [problem["path"] for problem in data["problems"][:2]] == ["z.csv", "0.csv"]


def test_figures_need_a_place(logs: Path) -> None:
    with pytest.raises(SystemExit):
        main([str(logs), *V05, "--figures"])


def test_scoring_loads_no_framework_and_no_plotting() -> None:
    code = "import sys, scoring.score; print(*{'jax', 'torch', 'matplotlib'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_title_counts_many_workloads(logs: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(logs), *V05, "--workloads", "criteo1tb,ogbg,wmt"]) == 0
    assert "over criteo1tb, ogbg, wmt alone" in capsys.readouterr().out
    assert main([str(logs), *V05, "--workloads", "criteo1tb,ogbg,wmt,fastmri"]) == 0
    assert "over 4 chosen workloads alone" in capsys.readouterr().out
