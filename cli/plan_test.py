from pathlib import Path

import pytest

from campaigns import plan as plans
from cli import main
from spec.command_line import USAGE_ERROR


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BUILD_WORKING_DIRECTORY", str(tmp_path))
    return tmp_path


def test_a_plan_is_printed_and_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["nadamw", "--backend", "jax", "--price-per-hour", "2"]
    assert main.main(["plan", *arguments]) == 0
    printed = capsys.readouterr().out
    plan = plans.read(place / "plans" / "nadamw-jax-v0.6-external.textproto")
    assert (len(plan.points), len(plan.workloads)) == (3 * 5, 8)
    (row,) = (line.split() for line in printed.splitlines() if line.startswith("  ogbg "))
    # 15 trials of the budget that `tandem describe ogbg` shows, at 2 an hour.
    budget = next(w.budget_sec for w in plan.workloads if w.name == "ogbg")
    hours = 15 * budget / 3600
    assert row == ["ogbg", "15", f"{budget / 3600:.2f}", f"{hours:.1f}", "-", f"{2 * hours:.2f}"]
    for word in ("120", str(plan.points[14].seed), "one_minus_beta1"):
        assert word in printed


def test_held_out_workloads_are_part_of_a_score(place: Path) -> None:
    arguments = ["nadamw", "--backend", "pytorch", "--rules", "v0.5", "--ruleset", "self"]
    assert main.main(["plan", *arguments, "--out", "mine"]) == 0
    plan = plans.read(place / "mine")
    assert len(plan.workloads) == 8 + 6
    assert {point.hyperparameters for point in plan.points} == {""}
    assert [(point.study, point.trial) for point in plan.points] == [(s, 1) for s in range(5)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nadam"], "unknown submission 'nadam'"),
        (["nadamw", "--rules", "v9"], "unknown version of the rules"),
        (["nadamw", "--workloads", "ogbg,digit_vit"], "unknown workload 'digit_vit'"),
        (["adamw", "--ruleset", "self"], "does not tune itself"),
        (
            ["nadamw", "--rules", "v0.5", "--workloads", "digits_vit"],
            "version of workload digits_vit",
        ),
        (["nadamw", "--price-per-hour", "nan"], "'nan' is not a finite number from 0"),
        (["nadamw", "--studies", "0"], "'0' is not an integer from 1"),
        (["nadamw", "--hparams", "nowhere.json"], "No such file"),
    ],
)
def test_wrong_values_get_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    try:
        assert main.main(["plan", "--backend", "jax", *arguments]) == USAGE_ERROR
    except SystemExit as end:  # argparse's own errors
        assert end.code == USAGE_ERROR
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert list(place.iterdir()) == []
