import io
import math
import os
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from harness import fakes
from harness.clock import Clock
from harness.display import Display, most_seconds_left
from harness.fakes import SECOND, Machine
from spec.event_pb2 import (
    ClockReading,
    Evaluation,
    Event,
    Remark,
    ScalarMetrics,
    TrialEnded,
    TrialStarted,
)
from spec.submission_pb2 import JAX, SubmissionManifest
from spec.timing_pb2 import Outcome, Segment

TRIAL = TrialStarted(
    workload=fakes.WORKLOAD,
    ruleset=fakes.RULESET,
    submission=SubmissionManifest(name="mine"),
    framework=JAX,
    budget_sec=100,
)
EVALUATION = Event(
    clock=ClockReading(timed_sec=12.34),
    evaluation=Evaluation(
        global_step=1200,
        metrics={"validation/loss": 0.61234, "validation/num_examples": 5, "train/loss": math.nan},
    ),
)


def console(terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(
        file=file, force_terminal=terminal, highlight=False, markup=False, soft_wrap=True
    ), file


def test_plain_lines_where_there_is_no_terminal() -> None:
    screen, file = console(terminal=False)
    with Display(TRIAL, Clock(), screen) as display:
        display.show(Event(remark=Remark(message="[b]look[/b]")))
        display.show(EVALUATION)
    assert file.getvalue().splitlines() == [
        "fake with mine on jax, seed 0, rules v0.6: validation loss to 0.5 in 100 timed seconds",
        "note: [b]look[/b]",
        "step   1,200     12.3 s  loss: train nan, validation 0.6123",
    ]


def test_the_point_is_shown() -> None:
    trial = TrialStarted()
    trial.CopyFrom(TRIAL)
    trial.trial = 3
    trial.hyperparameters.update({"rate": 0.0012345678, "dropout_rate": 0.0, "norm": "layer"})
    screen, file = console(terminal=False)
    with Display(trial, Clock(), screen):
        pass
    assert file.getvalue().splitlines()[1] == "point 3: dropout_rate 0, norm layer, rate 0.00123457"


def test_the_moving_line() -> None:
    machine = Machine()
    clock = Clock(now=machine.now)
    display = Display(TRIAL, clock, console(terminal=False)[0])
    machine.compute(7 * SECOND)
    assert str(display._moving_line()) == "setting up, 7 s"
    clock.enter(Segment.STEP)
    machine.compute(5 * SECOND)
    clock.end_step()
    assert str(display._moving_line()) == "step 1  5.0 of 100 s timed  ends in at most 1:35"
    display.show(Event(scalar_metrics=ScalarMetrics(metrics={"loss": 0.123456})))
    assert str(display._moving_line()).startswith("step 1  loss 0.1235  5.0 of")


def test_a_terminal_shows_the_moving_line() -> None:
    screen, file = console(terminal=True)
    with Display(TRIAL, Clock(), screen) as display:
        display._live.refresh()
    assert "setting up, 0 s" in file.getvalue()
    assert not display._live.is_started


@pytest.mark.parametrize(
    ("budget", "limit", "expected"),
    [
        (100, 0, 160),
        (100, 20, 40),
        (100, 1000, 160),
        (math.inf, 0, math.inf),
        (math.inf, 20, 40),
        (10, 0, 0),
    ],
)
def test_time_left(budget: float, limit: int, expected: float) -> None:
    """10 steps took 20 timed seconds and, with their evaluations, 40 of wall time."""
    trial = TrialStarted(budget_sec=budget, step_limit=limit)
    assert most_seconds_left(trial, 10, 20, 40) == expected


def test_a_reader_that_went_away_does_not_end_the_trial() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with Display(TRIAL, Clock(), Console(file=Gone())) as display:
        display.show(Event(remark=Remark(message="unheard")))
    display.summarize(TrialEnded(), Path("runs/x"))


def test_summary() -> None:
    screen, file = console(terminal=False)
    ended = TrialEnded(
        outcome=Outcome.TARGET_REACHED, message="met", time_to_target_sec=31.25, global_step=1234
    )
    Display(TRIAL, Clock(), screen).summarize(ended, Path("runs/x"))
    assert file.getvalue().splitlines() == [
        "outcome         TARGET_REACHED: met",
        "time to target  31.25 of 100 timed seconds",
        "steps           1,234 in 0.00 timed seconds",
        "run folder      runs/x",
        "score it        tandem score runs/x --workloads present",
    ]


@pytest.mark.parametrize(
    ("place", "bazelw"), [("/checkout", "./bazelw"), ("/checkout/docs/x", "../../bazelw")]
)
def test_the_scoring_command_is_one_that_the_user_has(
    place: str, bazelw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = TrialStarted()
    trial.CopyFrom(TRIAL)
    trial.ruleset.base_workloads[:] = [trial.workload.name]
    screen, file = console(terminal=False)
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", "/checkout")
    monkeypatch.setenv("BUILD_WORKING_DIRECTORY", place)
    Display(trial, Clock(), screen).summarize(TrialEnded(), Path("runs/x"))
    assert file.getvalue().endswith(f"  {bazelw} run //cli:tandem -- score runs/x\n")


NAMES = ["runs/x", "a b", "it's", "a\nb", "\x1b[2J \\'; rm", "\udce9 ünï", "\x85" + "ab"]


@pytest.mark.parametrize("name", NAMES)
def test_any_folder_is_one_word_of_the_scoring_command(name: str) -> None:
    screen, file = console(terminal=False)
    Display(TRIAL, Clock(), screen).summarize(TrialEnded(), Path(name))
    *_, shown, scored = file.getvalue().splitlines()
    assert shown.isprintable() and scored.isprintable()
    word = scored.removeprefix("score it        tandem score ").removesuffix(" --workloads present")
    command = ["bash", "-c", f"printf %s {word}"]
    assert subprocess.check_output(command) == os.fsencode(name)


def test_names_and_messages_cannot_move_the_cursor() -> None:
    trial = TrialStarted()
    trial.CopyFrom(TRIAL)
    trial.submission.name = "mine\x1b[2J\nfake"
    screen, file = console(terminal=False)
    with Display(trial, Clock(), screen) as display:
        display.show(Event(remark=Remark(message="two\nlines \x1b]0;")))
    lines = file.getvalue().splitlines()
    assert lines[0].startswith(r"fake with mine\x1b[2J\nfake on jax,")
    assert lines[1:] == ["note: two", r"lines \x1b]0;"]


def test_summary_of_a_failure_has_the_traceback() -> None:
    screen, file = console(terminal=False)
    ended = TrialEnded(outcome=Outcome.HARNESS_ERROR, message="gone", traceback="Traceback: [x]")
    Display(TRIAL, Clock(), screen).summarize(ended, Path("runs/x"))
    assert file.getvalue().startswith("Traceback: [x]\noutcome         HARNESS_ERROR: gone\n")
    assert "time to target" not in file.getvalue()


def test_summary_of_an_interruption_has_none() -> None:
    screen, file = console(terminal=False)
    ended = TrialEnded(outcome=Outcome.INTERRUPTED, message="stopped", traceback="Traceback: [x]")
    Display(TRIAL, Clock(), screen).summarize(ended, Path("runs/x"))
    assert file.getvalue().startswith("outcome         INTERRUPTED: stopped\n")
