import copy
import json
from pathlib import Path

import pytest

from conformance.costs import costs

BEFORE = {"w": {"jax": {"flops": 1000.0, "recompilations": 0.0}, "pytorch": {"operations": 100.0}}}


def changed(backend: str, name: str, value: float) -> list[str]:
    now = copy.deepcopy(BEFORE)
    now["w"][backend][name] = value
    return list(costs.changes(BEFORE, now))


def test_up_to_the_tolerance_nothing_changed() -> None:
    assert changed("jax", "flops", 1050.0) == changed("jax", "flops", 950.0) == []


def test_a_change_is_a_line_with_both_numbers() -> None:
    assert changed("jax", "flops", 1051.0) == ["w jax flops: 1051, recorded 1000 (+5.1%)"]
    assert changed("pytorch", "operations", 90.0) == [
        "w pytorch operations: 90, recorded 100 (-10.0%)"
    ]


def test_what_was_zero_may_not_become_anything() -> None:
    assert changed("jax", "recompilations", 1.0) == ["w jax recompilations: 1, recorded 0"]


def test_what_is_new_or_gone_is_named() -> None:
    assert changed("pytorch", "flops", 7.0) == ["w pytorch flops: 7, not recorded"]
    assert list(costs.changes(BEFORE, {"w": {"jax": BEFORE["w"]["jax"]}})) == [
        "w pytorch operations: gone, recorded 100"
    ]


def test_recording_writes_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "RECORDED", tmp_path / "costs.json")
    monkeypatch.setattr(costs, "measured", lambda: BEFORE)
    assert costs.main(["--record"]) == 0
    assert json.loads((tmp_path / "costs.json").read_text()) == BEFORE
    assert costs.main([]) == 0
    monkeypatch.setattr(costs, "measured", dict)
    assert costs.main([]) == 1


def test_a_step_costs_what_was_recorded() -> None:
    lines = list(costs.changes(costs.recorded(), costs.measured()))
    advice = "if it is meant: python -m conformance.costs --record"
    assert not lines, "\n".join([*lines, advice])
