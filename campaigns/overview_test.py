import dataclasses
import math
import os
import time
from pathlib import Path

import pytest

from campaigns import overview
from campaigns import plan as plans
from harness import submission
from harness.clock import Clock
from harness.events import EventLog
from harness.lock import RunLock
from spec import loading
from spec.event_pb2 import TrialEnded, TrialStarted
from spec.submission_pb2 import Framework
from spec.timing_pb2 import Outcome, Segment


def plan_in(root: Path) -> None:
    """3 studies of a trial on each of two workloads."""
    source = submission.find("nadamw", Path("nadamw"), Framework.JAX)
    workloads = [loading.load_workload(name) for name in ("digits_vit", "tiny/mnist")]
    ruleset = loading.load_ruleset("v0.6", "self")
    plan = plans.make(
        "nadamw", source, Framework.JAX, ruleset, workloads, None, num_studies=3, num_trials=1
    )
    plans.write(plan, root / "plan.textproto")


def run_in(folder: Path, *ends: Outcome, budget_sec: float = 40) -> RunLock:
    """A run folder as a process leaves it, or holds it; 10 timed seconds in 15, after 5 steps."""
    folder.mkdir(parents=True)
    now = iter([0, 0, 10 * 10**9, 10 * 10**9, 15 * 10**9] + 9 * [15 * 10**9])
    clock = Clock([Segment.STEP], now=lambda: next(now))
    lock, log = RunLock(folder), EventLog(folder / "events.jsonl", clock)
    clock.enter(Segment.STEP)
    clock.end_step()
    clock.enter(Segment.RECORD)
    clock.step = 5
    lock.note(5, 10.0)
    workload = loading.load_workload("mnist")
    log.append(trial_started=TrialStarted(workload=workload, budget_sec=budget_sec, step_limit=0))
    for outcome in ends:
        log.append(trial_ended=TrialEnded(outcome=outcome))
    log.close()
    return lock


def long_ago(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - 1e6,) * 2)


def test_trials_of_a_plan_in_all_states(tmp_path: Path) -> None:
    plan_in(tmp_path)
    studies = [tmp_path / "digits_vit" / f"study_{number}" / "trial_1" for number in range(3)]
    others = [tmp_path / "tiny_mnist" / f"study_{number}" / "trial_1" for number in range(3)]
    held = run_in(studies[0])
    long_ago(studies[0])  # an evaluation that takes long
    run_in(studies[1]).close()  # as on another machine
    run_in(studies[2]).close()
    long_ago(studies[2])
    run_in(others[0], Outcome.HARNESS_ERROR).close()
    run_in(others[1], Outcome.TARGET_REACHED).close()
    found = overview.look(list(overview.places(tmp_path)))
    states = {one.place.name: one.state for one in found}
    assert states == {
        "digits_vit/study_0/trial_1": "running",
        "digits_vit/study_1/trial_1": "running",
        "digits_vit/study_2/trial_1": "stopped",
        "tiny_mnist/study_0/trial_1": "stopped",
        "tiny_mnist/study_1/trial_1": "ended",
        "tiny_mnist/study_2/trial_1": "waiting",
    }
    held.close()
    assert overview.look(list(overview.places(tmp_path)))[0].state == "stopped"


def test_places_without_a_plan(tmp_path: Path) -> None:
    run_in(tmp_path / "b" / "run").close()
    run_in(tmp_path / "a").close()
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "events.jsonl").write_text("{torn")
    plan_in(tmp_path / "d")
    found = list(overview.places(tmp_path))
    assert [place.name for place in found[:3]] == ["a", "b/run", "c"]
    assert [place.workload for place in found[:3]] == ["mnist", "mnist", "unknown"]
    assert [place.budget_sec for place in found[:3]] == [40, 40, math.inf]
    assert len(found) == 3 + 6
    assert found[3].name == "d/digits_vit/study_0/trial_1"
    assert [place.name for place in overview.places(tmp_path / "a")] == ["a"]


@pytest.mark.parametrize(
    ("step_limit", "expected"),
    [(0, 45.0), (7, 6.0)],  # (40 - 10) timed seconds at 1.5 wall seconds each; 2 steps of 3 seconds
)
def test_what_is_left_at_the_present_speed(
    tmp_path: Path, step_limit: int, expected: float
) -> None:
    lock = run_in(tmp_path / "run")
    (place,) = overview.places(tmp_path / "run")
    place = dataclasses.replace(place, step_limit=step_limit)
    (standing,) = overview.look([place])
    assert standing.seconds_left == pytest.approx(expected)
    lock.close()
