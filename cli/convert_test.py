"""A run goes on in the other framework with the real commands, and its loss goes on too."""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from cli import main
from harness import checkpoint, events
from harness.lock import RunLock
from spec import loading, timeline
from spec.event_pb2 import Event, TrialStarted
from spec.submission_pb2 import Framework
from spec.timing_pb2 import Outcome

torch.set_num_threads(1)  # on arrays this small threads wait for each other

HALF = 3
WORKLOAD = (
    "tiny/mnist"  # without dropout, whose masks the frameworks draw from their own generators
)


POINT = {
    "learning_rate": 0.01,
    "one_minus_beta1": 0.1,
    "beta2": 0.999,
    "weight_decay": 0.01,
    "warmup_factor": 0.0,  # or a few steps would go nowhere
}


@pytest.fixture(autouse=True)
def evaluations() -> Iterator[None]:
    """After every step."""
    rules = loading.load_workload(WORKLOAD).rules["v0.6"]
    before, rules.eval_period_sec = rules.eval_period_sec, 0
    yield
    rules.eval_period_sec = before


def run(backend: str, out: Path, *options: str, submission: str = "nadamw") -> int:
    what = ["--workload", WORKLOAD, "--submission", submission, "--max-steps", str(2 * HALF)]
    what += ["--point", json.dumps(POINT)]
    return main.main(["run", "--backend", backend, *what, "--out", str(out), "--resume", *options])


def interrupted(backend: str, out: Path, patch: pytest.MonkeyPatch, submission: str) -> None:
    """A run that somebody stops half-way."""

    def stop(lock: RunLock, step: int, timed_sec: float) -> None:
        if step == HALF:
            os.kill(os.getpid(), signal.SIGINT)

    with patch.context() as context:
        context.setattr(RunLock, "note", stop)
        assert run(backend, out, submission=submission) == 130


def counted(run: Path) -> Sequence[Event]:
    return timeline.counted(events.read_log(run / events.FILE).events)


def losses(run: Path) -> dict[int, float]:
    """By step."""
    found = [event.evaluation for event in counted(run) if event.HasField("evaluation")]
    return {e.global_step: e.metrics["validation/loss"] for e in found}


@pytest.mark.parametrize(("origin", "target"), [("jax", "pytorch"), ("pytorch", "jax")])
def test_the_loss_goes_on(
    origin: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wholes = [tmp_path / backend for backend in (origin, target)]
    for whole in wholes:
        assert run(whole.name, whole) == 0
    first, converted = tmp_path / "first", tmp_path / "first-converted"
    interrupted(origin, first, monkeypatch, "nadamw")
    before = contents(first)
    assert main.main(["convert", str(first), "--to", target, "--out", str(converted)]) == 0
    assert contents(first) == before
    assert run(target, converted) == 0
    steps = [HALF, *range(HALF + 1, 2 * HALF + 1)]
    assert all(step in losses(converted) for step in steps[1:])
    for whole in wholes:
        expected = losses(whole)
        assert len(expected) == 2 * HALF and expected[1] > expected[2 * HALF]
        assert losses(converted) == pytest.approx({k: expected[k] for k in losses(converted)}, 1e-4)
    assert main.main(["verify", str(converted)]) == 0
    started = [e.trial_started for e in counted(converted) if e.HasField("trial_started")]
    assert {Framework.Name(s.framework).lower() for s in started} == {target}
    for trial in started:
        assert (trial.converted.run, trial.converted.step) == ("first", HALF)
        assert not trial.converted.new_optimizer_state
    last = counted(converted)[-1]
    assert last.trial_ended.outcome == Outcome.STEP_LIMIT


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_state_without_names_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "mine"
    assert main.main(["new-submission", str(new), "--from", "schedule_free_adamw"]) == 0
    manifest = new / "manifest.textproto"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if not line.startswith("state")))
    interrupted("jax", tmp_path / "run", monkeypatch, str(new))
    assert main.main(["convert", str(tmp_path / "run"), "--to", "pytorch"]) == 0
    assert "mine's manifest names none, so that it begins anew" in capsys.readouterr().out
    converted = tmp_path / "run-pytorch"
    assert run("pytorch", converted, submission=str(new)) == 0
    assert trial_of(converted).converted.new_optimizer_state
    # Begun anew from these parameters, and not from the first ones.
    found = losses(converted)
    assert found[HALF + 1] < losses(tmp_path / "run")[1]


def trial_of(run: Path) -> TrialStarted:
    return counted(run)[0].trial_started


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "run"
    options = ["--workload", WORKLOAD, "--max-steps", "1", "--out", str(out)]
    assert main.main(["run", "--backend", "pytorch", *options]) == 0
    return out


def copied(made: Path, folder: Path) -> Path:
    for path, data in contents(made).items():
        place = folder / "run" / path.relative_to(made)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder / "run"


def spoilt_arrays(run: Path) -> None:
    for path in run.glob("checkpoints/*/arrays.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")


def without_checkpoints(run: Path) -> None:
    for path in sorted(run.glob("checkpoints/**/*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def without_log(run: Path) -> None:
    (run / events.FILE).unlink()


def other_submission(run: Path) -> None:
    (run / "submission" / "README.md").write_text("another")


@pytest.mark.parametrize(
    ("change", "to", "message"),
    [
        (spoilt_arrays, "jax", "has no checkpoint to convert: "),
        (without_checkpoints, "jax", "has no checkpoint to convert; it has no checkpoints"),
        (without_log, "jax", "is no run folder: it has no events.jsonl"),
        (other_submission, "jax", "is not the submission that"),
        (None, "pytorch", "is of pytorch already"),
    ],
)
def test_what_cannot_be_converted_is_one_line(
    change: Any, to: str, message: str, made: Path, tmp_path: Path, capsys: Any
) -> None:
    run = copied(made, tmp_path)
    if change:
        change(run)
    assert main.main(["convert", str(run), "--to", to]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_existing_folder_is_left_alone(made: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "out").mkdir()
    assert main.main(["convert", str(made), "--to", "jax", "--out", str(tmp_path / "out")]) == 2
    assert "exists" in capsys.readouterr().err and not list((tmp_path / "out").iterdir())


def test_a_converted_checkpoint_holds_canonical_names_alone(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main.main(["convert", str(made), "--to", "jax", "--out", str(out)]) == 0
    (found,), problems = checkpoint.read_all(out, checkpoint.identity(trial_of(out)))
    parameters = {"hidden.kernel", "hidden.bias", "head.kernel", "head.bias"}
    moments = {f"optimizer_state.{m}.{p}" for m in ("first", "second") for p in parameters}
    expected = {f"params.{p}" for p in parameters} | moments | {"optimizer_state.count"}
    assert not problems and set(found.arrays()) == expected
    json.dumps(dict(found.content))


def test_no_score_counts_it(made: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    assert main.main(["convert", str(made), "--to", "jax", "--out", str(out)]) == 0
    main.main(["score", str(made), str(out), "--workloads", "present"])
    said = capsys.readouterr()
    assert "left out: the trial was converted" in said.out + said.err
