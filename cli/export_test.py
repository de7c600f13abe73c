import math
from pathlib import Path

import pytest

from campaigns.overview import Place, Standing
from campaigns.progress import Progress
from cli import export, main
from harness.clock import Clock
from harness.events import EventLog
from scoring.readers.logs import collect
from spec.event_pb2 import Evaluation, TrialEnded, TrialStarted
from spec.loading import load_ruleset, load_workload
from spec.submission_pb2 import Framework, SubmissionManifest
from spec.timing_pb2 import Outcome


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a run folder of one evaluation, at 12.5 timed seconds."""
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    clock = Clock(state={"step": 7, "STEP": 12_500_000_000})
    log = EventLog(folder / "events.jsonl", clock)
    trial = TrialStarted(
        workload=load_workload("mnist"),
        ruleset=load_ruleset("v0.6", "external"),
        submission=SubmissionManifest(name="sgd"),
        framework=Framework.JAX,
        trial=2,
        budget_sec=60,
    )
    log.append(trial_started=trial)
    log.append(evaluation=Evaluation(global_step=7, metrics={"validation/accuracy": 0.5}))
    log.append(trial_ended=TrialEnded(outcome=Outcome.STEP_LIMIT))
    log.close()
    return tmp_path / "runs"


def test_official_layout(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "official"
    assert main.main(["export", str(runs), "--format", "official", "--out", str(out)]) == 0
    assert (out / "sgd/study_0/mnist_jax/trial_2/eval_measurements.csv").is_file()
    (trial,) = collect([out]).trials
    assert (trial.times_sec.tolist(), trial.trial) == ([12.5], "trial_2")


@pytest.mark.parametrize("out", ["", "runs", "runs/logs"])
def test_official_layout_changes_no_run(
    runs: Path, out: str, capsys: pytest.CaptureFixture
) -> None:
    """Not even one that the official runner wrote there, in the place of the trial."""
    (runs.parent / "sgd/study_0/mnist_jax/trial_2").mkdir(parents=True)
    (runs.parent / "sgd/study_0/mnist_jax/trial_2/eval_measurements.csv").write_text("kept")
    files = [path for path in runs.parent.rglob("*") if path.is_file()]
    before = [path.read_bytes() for path in files]
    place = str(runs.parent / out)
    assert main.main(["export", str(runs), "--format", "official", "--out", place]) == 2
    assert "export to another folder" in capsys.readouterr().err
    assert [path for path in runs.parent.rglob("*") if path.is_file()] == files
    assert [path.read_bytes() for path in files] == before


def test_tensorboard_has_a_folder_for_each_trial(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "board"
    places = [str(runs), str(runs / "mine")]
    assert main.main(["export", *places, "--format", "tensorboard", "--out", str(out)]) == 0
    files = sorted(path.parent.relative_to(out).as_posix() for path in out.rglob("*tfevents*"))
    assert files == ["mine/mine", "runs/mine"]
    assert all(b"validation/accuracy" in path.read_bytes() for path in out.rglob("*tfevents*"))


def test_openmetrics(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "tandem.prom"
    assert main.main(["export", str(runs), "--format", "openmetrics", "--out", str(out)]) == 0
    lines = out.read_text().split("\n")
    labels = 'trial="mine",workload="mnist",outcome="STEP_LIMIT"'
    assert f"tandem_trial_timed_seconds{{{labels}}} 12.5" in lines
    assert f"tandem_trial_steps{{{labels}}} 7" in lines
    assert f'tandem_trial_state{{{labels},tandem_trial_state="ended"}} 1' in lines
    assert lines[-2:] == ["# EOF", ""]


def test_openmetrics_of_odd_names_and_no_budget() -> None:
    place = Place('a"\\\n', "w", Path("a"), math.inf, 0)
    text = export.openmetrics([Standing(place, Progress(), "waiting")])
    assert 'tandem_trial_budget_seconds{trial="a\\"\\\\\\n",workload="w"} +Inf\n' in text


@pytest.mark.parametrize("format", ["official", "tensorboard", "openmetrics"])
def test_a_place_without_trials(
    tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main.main(["export", str(tmp_path), "--format", format, "--out", str(out)]) == 2
    assert "no trial there" in capsys.readouterr().err
    assert not out.exists()
