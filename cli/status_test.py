import dataclasses
import math
import types
from pathlib import Path

import pytest

from campaigns.overview import Place, Standing
from campaigns.progress import Progress
from cli import main, status

BUDGET_SEC = 7200.0
NOW_SEC = 2e9


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = types.SimpleNamespace(time=lambda: NOW_SEC, sleep=lambda seconds: None)
    monkeypatch.setattr(status, "time", clock)


def standing(name: str, state: str, step: int = 0, outcome: str = "") -> Standing:
    """A trial of 36 timed seconds a step, at 2 wall seconds each; it wrote half a minute ago."""
    found = Progress(
        exists=state != "waiting",
        step=step,
        timed_sec=36.0 * step,
        wall_per_timed=2.0,
        outcome=outcome,
        last_sign_sec=NOW_SEC - 30,
    )
    return Standing(Place(name, name[0], Path(name), BUDGET_SEC, 0), found, state)


TRIALS = [
    standing("a1", "ended", 100, "TARGET_REACHED"),
    standing("a2", "ended", 100, "DIVERGED"),
    standing("a3", "running", 100),
    standing("b1", "stopped", 50, "HARNESS_ERROR"),
    standing("b2", "waiting"),
]


def rows(text: str) -> dict[str, list[str]]:
    """Rows by their first cell, in cells that two spaces or more part."""
    lines = [line.strip().split("  ") for line in text.splitlines()]
    return {line[0]: [cell.strip() for cell in line if cell] for line in lines}


def test_tables() -> None:
    found = rows(status.shown(TRIALS, all_trials=True))
    told = "TARGET_REACHED 1, DIVERGED 1"
    assert found["a"] == ["a", "3", "2", "1", "0", "0", "3.00 of 6.00", told]
    assert found["b"][1:7] == ["2", "0", "0", "1", "1", "0.50 of 4.00"]
    assert found["total"][1:7] == ["5", "2", "1", "1", "1", "3.50 of 10.00"]
    assert found["a1"] == ["a1", "TARGET_REACHED", "100", "3,600.0", "50 %", "30 s ago"]
    assert found["a3"] == ["a3", "running", "100", "3,600.0", "50 %", "2.0 h", "30 s ago"]
    assert found["b1"] == ["b1", "HARNESS_ERROR", "50", "1,800.0", "25 %", "30 s ago"]
    assert found["b2"] == ["b2", "waiting"]
    # 2 h for a3, 3 h for b1 at its speed, 2 h for b2, one after the other.
    assert "1 at a time: over within 7.0 h" in found


def test_of_many_trials_those_that_need_a_look_are_listed() -> None:
    many = [*TRIALS, *(standing(f"c{n}", "ended", 1, "STEP_LIMIT") for n in range(40))]
    found = rows(status.shown(many, all_trials=False))
    assert "c7" not in found
    assert {"a3", "b1"} <= found.keys()
    assert "c7" in rows(status.shown(many, all_trials=True))


def test_prospects_without_a_number() -> None:
    assert "every trial has ended" in status.shown(TRIALS[:2], True)
    assert "nothing runs" in status.shown(TRIALS[3:], True)
    endless = dataclasses.replace(
        TRIALS[2], place=dataclasses.replace(TRIALS[2].place, budget_sec=math.inf)
    )
    assert "1 at a time: over within ?" in status.shown([endless], True)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (119, "119 s"), (150, "2 min"), (7200, "2.0 h"), (1e6, "11.6 d")],
)
def test_durations(seconds: float, text: str) -> None:
    assert status.duration(seconds) == text


def test_watching_ends_with_the_last_trial(capsys: pytest.CaptureFixture[str]) -> None:
    looks = [TRIALS, TRIALS, TRIALS[:2]]
    status.show(lambda: looks.pop(0), watch=True, all_trials=True)
    assert looks == []
    printed = capsys.readouterr().out
    assert printed.count("a1") == 1  # no terminal: only the end
    assert "every trial has ended" in printed


def test_places_without_trials_get_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, message in {"nowhere": "is no folder", ".": "no trial there"}.items():
        with pytest.raises(SystemExit) as end:
            main.main(["status", str(tmp_path / place)])
        assert end.value.code == 2
        assert message in capsys.readouterr().err
