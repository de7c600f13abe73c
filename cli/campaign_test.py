from pathlib import Path

import pytest

from campaigns import progress
from cli import main
from harness import events, sandbox
from harness.lock import RunLock
from scoring.readers.logs import collect
from spec.command_line import USAGE_ERROR
from spec.timing_pb2 import Outcome

WITHOUT = "--without-preflight"
SUBMISSION = """
def get_batch_size(workload_name):
    return 4

def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
    return {}

def update_params(workload, current_param_container, model_state, hyperparameters, **others):
    return {}, current_param_container, model_state if hyperparameters.works else 1 / 0

def data_selection(workload, input_queue, *others):
    return next(input_queue)
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan of one trial that works and one that does not."""
    monkeypatch.setenv("BUILD_WORKING_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    folder = tmp_path / "mine"
    folder.mkdir()
    manifest = 'name: "mine" title: "Mine" frameworks: PYTORCH search_space: "points.json"'
    (folder / "manifest.textproto").write_text(manifest)
    (folder / "points.json").write_text('[{"works": 1}, {"works": 0}]')
    (folder / "submission_pytorch.py").write_text(SUBMISSION)
    options = "--backend pytorch --workloads tiny/mnist --studies 1 --max-steps 2 --out plan"
    assert main.main(["plan", "mine", *options.split()]) == 0
    return tmp_path / "plan"


def test_a_campaign_runs_every_trial_once(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = plan.parent / "runs" / "plan"
    capsys.readouterr()
    assert main.main(["campaign", "plan", "--jobs", "2", WITHOUT]) == 1  # one trial failed
    first = capsys.readouterr().out
    assert "2 trials, 0 have come to their end" in first
    assert "STEP_LIMIT 1  SUBMISSION_ERROR 1" in first
    assert f"not as it should be: tiny_mnist/study_0/trial_2, see {root}" in first
    assert f"tandem score {root} --workloads present" in first
    folders = [root / "tiny_mnist" / "study_0" / f"trial_{number}" for number in (1, 2)]
    assert [progress.read(f).outcome for f in folders] == ["STEP_LIMIT", "SUBMISSION_ERROR"]

    assert main.main(["campaign", "plan", WITHOUT]) == 1
    again = capsys.readouterr().out
    assert "2 trials, 2 have come to their end" in again
    assert "started" not in again
    for folder in folders:
        log = events.read_log(folder / "events.jsonl").events
        assert not any(event.HasField("trial_resumed") for event in log)
        assert num_starts(folder) == 1

    found = {trial.trial: trial.facts for trial in collect([root]).trials}
    assert {name: facts.ended for name, facts in found.items()} == {
        "trial_1": Outcome.Name(Outcome.STEP_LIMIT),
        "trial_2": Outcome.Name(Outcome.SUBMISSION_ERROR),
    }
    assert found["trial_1"].seed != found["trial_2"].seed


def test_nothing_is_run_by_a_wrong_command(
    plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def error(*arguments: str) -> str:
        capsys.readouterr()
        assert main.main(["campaign", *arguments]) == USAGE_ERROR
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        return captured.err

    assert "nowhere: cannot be read" in error("nowhere")
    assert "mine has not passed preflight on pytorch" in error("plan")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7,8")
    two = ("--devices-per-trial", "2")
    assert "these would have 2" in error("plan", WITHOUT, "--isolate", *two)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("PATH", "")
    assert "bwrap is not installed" in error("plan", WITHOUT, "--isolate")
    root = plan.parent / "runs" / "plan"
    root.mkdir(parents=True)
    lock = RunLock(root)
    assert f"another process works on {root}" in error("plan", WITHOUT)
    lock.close()
    (root / "plan.textproto").write_text("submission: 'other'")
    assert "plan.textproto exists and says something else" in error("plan", WITHOUT)
    (plan.parent / "mine" / "points.json").write_text("[]")
    assert f"submission {plan.parent / 'mine'} has changed" in error("plan")
    assert not (root / "tiny_mnist").exists()


def test_every_gpu_of_a_trial_has_a_process_of_pytorch(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7,8")  # none is here: the ranks run on the CPU
    assert main.main(["campaign", "plan", "--devices-per-trial", "2", WITHOUT]) == 1
    study = plan.parent / "runs" / "plan" / "tiny_mnist" / "study_0"
    folders = [study / "trial_1", study / "trial_2"]
    assert [progress.read(f).outcome for f in folders] == ["STEP_LIMIT", "SUBMISSION_ERROR"]
    assert [num_starts(f) for f in folders] == [1, 1]  # rank 0's status tells that this is the end
    log = events.read_log(study / "trial_1" / "events.jsonl").events
    started = [event.trial_started for event in log if event.HasField("trial_started")]
    assert started[-1].num_devices == 2


def num_starts(folder: Path) -> int:
    return folder.with_name(f"{folder.name}.txt").read_text().count("$ ")


@pytest.mark.skipif(bool(sandbox.obstacle()), reason=sandbox.obstacle())
def test_a_campaign_isolates_its_trials(plan: Path) -> None:
    assert main.main(["campaign", "plan", "--isolate", WITHOUT]) == 1
    study = plan.parent / "runs" / "plan" / "tiny_mnist" / "study_0"
    assert [progress.read(study / name).outcome for name in ("trial_1", "trial_2")] == [
        "STEP_LIMIT",
        "SUBMISSION_ERROR",
    ]
    assert (study / "trial_1" / "output.txt").exists()  # of the worker inside


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--slurm", "time=3"], "--slurm goes with --executor slurm"),
        (["--executor", "slurm", "--slurm", "time"], "'time', expected KEY=VALUE"),
        (["--executor", "slurm", "--devices-per-trial", "2"], "--slurm gpus_per_node=N"),
        (
            ["--executor", "slurm", "--slurm", "gpus_per_node=a:2"],
            "gpus_per_node: expected a number",
        ),
        (["--jobs", "0"], "'0' is not an integer from 1"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main.main(["campaign", "plan", *arguments])
    assert end.value.code == USAGE_ERROR
    assert message in capsys.readouterr().err
