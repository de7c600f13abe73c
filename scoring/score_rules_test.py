"""The command: by which rules it scores, and which logs count under them."""

import contextlib
import dataclasses
import json
import math
from pathlib import Path

import pytest

from scoring.export import write_trials
from scoring.score import main
from scoring.testing import V05, events_text, make_trials, rows_of, rules_v05, write_events


@pytest.mark.parametrize("method", ["documented", "official"])
def test_variants_of_the_workloads_asked_for_play_no_part(tmp_path: Path, method: str) -> None:
    times = {"one": {"ogbg": [100.0], "ogbg_gelu": [math.inf], "ogbg_model_size": [math.inf]}}
    write_trials(make_trials(times, rules_v05(list(times["one"]))), tmp_path / "logs")
    asked = ["--workloads", "ogbg", "--method", method, "--out", str(tmp_path / "out")]
    assert main([str(tmp_path / "logs"), *V05, *asked]) == 0
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert data["submissions"]["one"]["score"] == 1
    assert data["rules"]["held_out_workloads"] == {}


@pytest.mark.parametrize(
    ("method", "names"),
    [("documented", {"one"}), ("official", {"one [jax]", "one [pytorch]"})],
)
def test_logs_that_do_not_count_split_no_submission(
    tmp_path: Path, method: str, names: set[str], capsys: pytest.CaptureFixture
) -> None:
    """An undrawn variant under two frameworks; by the official method of v0.6 variants count."""
    times = {"one": {"ogbg": [100.0], "ogbg_gelu": [100.0]}}
    trials = make_trials(times, rules_v05(list(times["one"])))
    write_trials([*trials, dataclasses.replace(trials[1], framework="pytorch")], tmp_path / "logs")
    asked = ["--rules", "v0.6", "--ruleset", "external", "--method", method, "--resamples", "5"]
    assert main([str(tmp_path / "logs"), *asked, "--out", str(tmp_path / "out")]) == 0
    assert {row["submission"] for row in rows_of(tmp_path / "out" / "trials.csv")} == names
    assert ("two frameworks" in capsys.readouterr().err) == (len(names) == 2)


@pytest.mark.parametrize("asked", [[], ["--rules", "v0.5"], ["--ruleset", "self"]])
def test_namesakes_of_other_rulesets_are_never_one_submission(
    tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture
) -> None:
    for version, tuning, time in [
        ("v05", "external", 300.0),
        ("v05", "self", 200.0),
        ("v06", "external", 400.0),
        ("v06", "self", 100.0),
    ]:
        folder = tmp_path / "logs" / f"algoperf_{version}" / "logs" / f"{tuning}_tuning"
        write_trials(make_trials({"one": {"criteo1tb": [time]}}, rules_v05()), folder)
    out = tmp_path / "report"
    assert main([str(tmp_path / "logs"), *asked, "--resamples", "5", "--out", str(out)]) == 0
    (trial,) = rows_of(out / "trials.csv")
    chosen = {"": "400.0", "--rules": "300.0", "--ruleset": "100.0"}[asked[0] if asked else ""]
    assert trial["time_to_target_sec"] == chosen
    assert "3 trials that were not made for" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "status"),
    [([], 2), (["--rules", "v0.6"], 2), (["--ruleset", "self"], 0), (["--rules", "v0.5"], 0)],
)
def test_logs_of_several_rulesets_are_never_taken_for_one_another(
    tmp_path: Path, asked: list[str], status: int, capsys: pytest.CaptureFixture
) -> None:
    for tuning in ("external", "self"):
        folder = tmp_path / "algoperf_v05" / "logs" / f"{tuning}_tuning"
        write_trials(make_trials({"one": {"criteo1tb": [100.0]}}, rules_v05()), folder)
    with pytest.raises(SystemExit, match="2") if status else contextlib.nullcontext():
        assert main([str(tmp_path), *asked, "--resamples", "5"]) == 0
    output = capsys.readouterr()
    if status:
        (line,) = output.err.splitlines()
        assert "v0.5 external, v0.5 self; choose with --rules and --ruleset" in line
    else:
        assert "another log of the same trial" not in output.err


@pytest.mark.parametrize("names", [("a", "b"), ("z", "b")])
def test_recorded_rulesets_that_differ_are_an_error(
    tmp_path: Path, names: tuple[str, str], capsys: pytest.CaptureFixture
) -> None:
    """Of a version that the specification lacks: which one counted hung on the names."""
    ratios = dict(zip(names, (4, 1.5), strict=True))
    for name, ratio in ratios.items():
        text = events_text([0.2, 0.1], submission=name).replace('"criteo1tb"', '"mine"')
        text = text.replace('"v0.6"', '"v9.9"').replace('"maxRatio": 4.0', f'"maxRatio": {ratio}')
        folder = write_events(tmp_path / name, text)
    assert main([str(tmp_path)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "do not agree on the ruleset v9.9 external" in error and str(folder) in error
    assert main([str(folder), "--workloads", "present", "--out", str(tmp_path / "out")]) == 0
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert data["rules"]["max_ratio"] == 1.5


def test_problems_of_logs_that_are_left_out_do_not_count(tmp_path: Path) -> None:
    for tuning in ("external", "self"):
        folder = tmp_path / "algoperf_v05" / "logs" / f"{tuning}_tuning"
        write_trials(make_trials({"one": {"criteo1tb": [100.0]}}, rules_v05()), folder)
    path = next(folder.rglob("eval_measurements.csv"))
    path.write_text(path.read_text() + "torn")
    assert main([str(tmp_path), *V05, "--strict"]) == 0
    assert main([str(tmp_path), *V05, "--ruleset", "self", "--strict"]) == 1
