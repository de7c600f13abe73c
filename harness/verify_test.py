import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import checkpoint, fakes, protocol, run_folder, verify
from harness.checkpoint import Keeper
from harness.clock import Clock
from harness.experiment import Experiment
from harness.fakes import FakeBackend, Machine
from harness.interruption import Interruption
from harness.submission import Source, Submission
from harness.trial import run_trial
from spec import loading
from spec.command_line import USAGE_ERROR
from spec.event_pb2 import TrialStarted
from spec.submission_pb2 import SubmissionManifest


@pytest.fixture(autouse=True)
def specification(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake workload and ruleset are part of the specification."""
    monkeypatch.setattr(loading, "load_workload", lambda name: fakes.WORKLOAD)
    monkeypatch.setattr(loading, "load_ruleset", lambda version, tuning: fakes.RULESET)


def make_run(
    folder: Path,
    loss: float = 0.75,
    seed: int = 3,
    step_sec: float = 1.0,
    logged: Callable[[int], float] | None = None,
) -> Path:
    """The folder of a trial that meets its target at its third evaluation; `logged` gives the scalar
    of a step.
    """
    place = folder.with_name(f"{folder.name}-submission")
    place.mkdir()
    (place / "submission.py").write_text("a submission")
    (place / "helper.py").write_text("a helper")
    files = (place / "helper.py", place / "submission.py")
    source = Source(SubmissionManifest(name="mine"), place, files[1], files)
    trial = TrialStarted(
        workload=fakes.WORKLOAD,
        ruleset=fakes.RULESET,
        submission=source.manifest,
        submission_sha256=source.sha256(),
        seed=seed,
        budget_sec=protocol.budget_sec(fakes.RULESET, fakes.WORKLOAD.rules["v0.6"]),
    )
    machine = Machine()
    backend = FakeBackend(machine, [(1.0, 1.0), (loss, 0.5), (0.4, 1.0)])
    functions = fakes.functions(machine, step_sec)
    update = functions["update_params"]

    def update_params(*, workload: Any, global_step: int, **arguments: Any) -> Any:
        if logged:
            metrics = {"loss": logged(global_step)}
            workload.metrics_logger.append_scalar_metrics(metrics, global_step)
        return update(**arguments)

    functions["update_params"] = update_params
    parts = Experiment(
        backend, Submission(functions), None, fakes.train_batches, fakes.eval_batches
    )
    clock = Clock(fakes.RULESET.timing.timed, now=machine.now)
    log, lock = run_folder.create(folder, trial, source, clock)
    keeper = Keeper(folder, trial, lock)
    run_trial(trial, lambda trial: parts, clock, log, Interruption(), keeper)
    lock.close()
    return folder


def test_an_honest_run_matches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    assert verify.main([str(run)]) == 0
    assert capsys.readouterr().out == f"{run}: everything matches\n"


def edit(sequence: int, change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """Changes an event of the log."""

    def act(run: Path) -> None:
        lines = (run / "events.jsonl").read_text().splitlines()
        event = json.loads(lines[sequence])
        change(event)
        lines[sequence] = json.dumps(event)
        (run / "events.jsonl").write_text("\n".join(lines) + "\n")

    return act


def without_line(run: Path) -> None:
    lines = (run / "events.jsonl").read_text().splitlines(keepends=True)
    (run / "events.jsonl").write_text("".join(lines[:2] + lines[3:]))


def flip(run: Path) -> None:
    last = max((run / "checkpoints").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    data = (last / checkpoint.ARRAYS).read_bytes()
    (last / checkpoint.ARRAYS).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


# Events: 0 and 1 trial_started, then evaluation and checkpoint_saved by turns, 8 trial_ended.
@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (lambda run: (run / "submission" / "helper.py").write_text("x"), "submission: SHA-256 is"),
        (lambda run: (run / "submission" / "more.py").write_text("x"), "submission: SHA-256 is"),
        (without_line, "event 3 where 2 was expected"),
        (flip, "arrays.safetensors is damaged"),
        (
            edit(4, lambda e: e["evaluation"]["metrics"].update({"validation/loss": 0.3})),
            "event 4: validation_target_met is not what its metrics say",
        ),
        (
            edit(4, lambda e: e["evaluation"]["metrics"].pop("validation/loss")),
            "cannot be judged: 'validation/loss'",
        ),
        (
            edit(4, lambda e: e["evaluation"]["metrics"].update({"validation/num_examples": 1})),
            "event 4: validation/num_examples is 1.0, expected 5",
        ),
        (edit(6, lambda e: e["clock"].update(timed_sec=30)), "the parts of its time are"),
        (
            edit(8, lambda e: e["trial_ended"].update(time_to_target_sec=31)),
            "time_to_target_sec is",
        ),
        (
            edit(8, lambda e: e["trial_ended"].update(outcome="BUDGET_EXHAUSTED")),
            "the outcome is BUDGET_EXHAUSTED; from the evaluations follows TARGET_REACHED",
        ),
        (edit(0, lambda e: e["trial_started"].update(seed=5)), "is of another trial: seed is 5"),
        (
            edit(1, lambda e: e["trial_started"]["workload"].update(eval_batch_size=8)),
            "workload fake is not that of this specification",
        ),
    ],
)
def test_what_was_changed_afterwards_is_found(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Path], None],
    found: str,
) -> None:
    run = make_run(tmp_path / "run")
    tamper(run)
    assert verify.main([str(run)]) == 1
    assert found in capsys.readouterr().out


def test_equal_runs_are_the_same_experiment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = (make_run(tmp_path / name, logged=float) for name in ("one", "other"))
    assert verify.main([str(one), "--against", str(other)]) == 0
    assert capsys.readouterr().out == (
        f"{one} and {other} are the same experiment; "
        "scalars of 61 steps and 3 evaluations were compared\n"
    )


def test_where_time_puts_evaluations_and_the_end_is_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of steps that take longer fewer pass between two evaluations: 1, 31, 61 and 1, 16, 31."""
    one = make_run(tmp_path / "one", logged=float)
    other = make_run(tmp_path / "other", logged=float, step_sec=2)
    assert verify.main([str(one), "--against", str(other)]) == 1
    assert "evaluation at step 31 (test/loss 0.5," in capsys.readouterr().out
    other = make_run(tmp_path / "third", logged=float, step_sec=1.5)
    assert verify.main([str(one), "--against", str(other)]) == 0
    assert "scalars of 41 steps and 1 evaluations were compared" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda step: float(np.nextafter(step, step + (step == 40))),
            "scalar_metrics at step 40 (loss 40.0) and scalar_metrics at step 40 (loss 40.0000",
        ),
        (None, "scalar_metrics at step 0 (loss 0.0) and scalar_metrics at step 0 (nothing)"),
    ],
)
def test_every_scalar_is_compared(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[int], float] | None,
    found: str,
) -> None:
    one = make_run(tmp_path / "one", logged=float)
    other = make_run(tmp_path / "other", logged=change, step_sec=1.5)
    assert verify.main([str(one), "--against", str(other)]) == 1
    assert f"first difference: {found}" in capsys.readouterr().out


def test_runs_of_which_nothing_can_be_compared_are_not_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "other")
    lines = (other / "events.jsonl").read_text().splitlines(keepends=True)
    (other / "events.jsonl").write_text("".join(lines[:2]))
    assert verify.main([str(one), "--against", str(other)]) == 1
    assert "no step has scalars or an evaluation in both" in capsys.readouterr().out
    (other / "events.jsonl").write_text("".join(lines[:-1]))
    assert verify.main([str(one), "--against", str(other)]) == 1
    assert "they end differently: by time and no end" in capsys.readouterr().out


def test_the_first_difference_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = make_run(tmp_path / "one")
    other = make_run(tmp_path / "other", loss=float(np.nextafter(0.75, 1)), seed=4)
    assert verify.main([str(one), "--against", str(other)]) == 1
    printed = capsys.readouterr().out
    assert "they are different trials: seed is 4, expected 3" in printed
    assert "first difference: evaluation at step 31" in printed
    assert "0.7500000000000001" in printed
    assert "step 61" not in printed


def test_what_is_no_run_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        verify.main([str(tmp_path)])
    assert end.value.code == USAGE_ERROR
    assert "is no run folder: it has no events.jsonl" in capsys.readouterr().err


def test_what_two_runs_ran_with_is_said_in_words_where_they_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "other", loss=0.8)
    for number in (0, 1):
        edit(number, lambda e: e["trial_started"].update(provenance={"modified": True}))(one)
    verify.main([str(one), "--against", str(other)])
    assert "they ran with different uncommitted changes\n" in capsys.readouterr().out
