import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import command, fakes, submission
from harness.events import read_log
from harness.fakes import FakeBackend, Machine
from harness.trial import EXIT_STATUS
from inputs import pipeline
from spec import loading
from spec.command_line import USAGE_ERROR
from spec.ruleset_pb2 import Ruleset
from spec.timing_pb2 import Outcome
from spec.workload_pb2 import Workload

SUBMISSION = """
def get_batch_size(workload_name):
    return 4

def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
    return hyperparameters

def update_params(workload, current_param_container, current_params_types, model_state,
                  hyperparameters, batch, loss_type, optimizer_state, eval_results, global_step,
                  rng):
    workload.machine.enqueue(10**9)
    workload.metrics_logger.append_scalar_metrics({"loss": 0.5}, global_step)
    BODY
    return optimizer_state, current_param_container, model_state

def data_selection(workload, input_queue, optimizer_state, current_param_container, model_state,
                   hyperparameters, global_step, rng):
    return next(input_queue)
"""
MANIFEST = 'name: "mine" title: "Mine" frameworks: JAX search_space: "points.json"'
SCRIPT = [(1.0, 1.0), (0.4, 0.5)]


def make_backend(workload: Workload, version: str) -> FakeBackend:
    machine = Machine()
    backend = FakeBackend(machine, SCRIPT)
    backend.workload.machine = machine
    return backend


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place to stand in, with a submission in a folder and a workload `fake`."""
    workload = Workload()
    workload.CopyFrom(fakes.WORKLOAD)
    workload.model.SetInParent()
    workload.dataset.digits.sha256 = "unused"
    workload.rules["v0.6"].eval_period_sec = 0  # the command's clock is the real one
    load = loading.load_workload
    monkeypatch.setattr(
        loading, "load_workload", lambda name: workload if name == "fake" else load(name)
    )
    names = loading.names
    monkeypatch.setattr(
        loading, "names", lambda folder: names(folder) + ["fake"] * (folder == "workloads")
    )
    monkeypatch.setattr(submission, "ROOT", tmp_path / "submissions")
    monkeypatch.setattr(pipeline, "open_source", lambda workload: None)
    monkeypatch.setattr(pipeline, "data_sha256", lambda workload: "abc")
    monkeypatch.setattr(pipeline, "train_batches", lambda *_, shard: fakes.train_batches(0))
    monkeypatch.setattr(pipeline, "eval_batches", lambda _, split, shard: fakes.eval_batches(split))
    monkeypatch.setenv("BUILD_WORKING_DIRECTORY", str(tmp_path))
    folder = tmp_path / "submissions" / "mine"
    folder.mkdir(parents=True)
    (folder / "manifest.textproto").write_text(MANIFEST)
    (folder / "points.json").write_text('[{"rate": 0.5}, {"rate": 0.25}]')
    (folder / "submission_jax.py").write_text(SUBMISSION.replace("BODY", ""))
    return tmp_path


def run(*arguments: str, framework: str = "jax") -> int:
    everything = ["--workload", "fake", "--submission", "mine", "--out", "run", *arguments]
    return command.main(everything, framework, make_backend)


def test_a_run_from_the_command_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--seed", "7", "--trial", "2") == 0
    events = read_log(place / "run" / "events.jsonl").events
    before, started = (e.trial_started for e in events[:2])
    assert before.seed == started.seed == 7
    assert dict(started.hyperparameters) == {"rate": 0.25}
    assert (started.num_devices, started.num_parameters, started.global_batch_size) == (2, 2, 4)
    assert started.data_sha256 == "abc"
    assert list(started.provenance.accelerators) == ["fake device"] * 2
    assert "global_batch_size: 4" in (place / "run" / "trial.textproto").read_text()
    assert events[-1].trial_ended.outcome == Outcome.TARGET_REACHED
    printed = capsys.readouterr().out
    assert "TARGET_REACHED: validation loss met its target" in printed
    assert f"tandem score {place / 'run'}" in printed


@pytest.mark.parametrize(
    ("body", "outcome", "status"),
    [
        ("pass", Outcome.TARGET_REACHED, 0),
        ("1/0", Outcome.SUBMISSION_ERROR, 4),
        ("raise MemoryError", Outcome.OUT_OF_MEMORY, 3),
        ("import os; os.kill(os.getpid(), 2)", Outcome.INTERRUPTED, 130),
        ("import os; os.kill(os.getpid(), 15)", Outcome.INTERRUPTED, 143),
        (
            "from spec import interface; raise interface.TrainingCompleteError",
            Outcome.COMPLETED_BY_SUBMISSION,
            0,
        ),
        ("return None", Outcome.SUBMISSION_ERROR, 4),
    ],
)
def test_every_end_has_its_exit_status(
    place: Path, body: str, outcome: Outcome, status: int
) -> None:
    (place / "submissions" / "mine" / "submission_jax.py").write_text(
        SUBMISSION.replace("BODY", body)
    )
    assert run() == status
    assert read_log(place / "run" / "events.jsonl").events[-1].trial_ended.outcome == outcome


def test_a_run_folder_that_is_removed_is_no_success(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = f"import shutil; shutil.rmtree({str(place / 'run')!r})"
    module = place / "submissions" / "mine" / "submission_jax.py"
    module.write_text(SUBMISSION.replace("BODY", body))
    assert run() == 1
    assert "events.jsonl is gone" in capsys.readouterr().err


def test_seed_and_study_reach_data_and_points(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def train_batches(
        workload: Workload, seed: int, batch_size: int, start_step: int, shard: tuple[int, int]
    ) -> Any:
        seeds.append(seed)
        return fakes.train_batches(0)

    monkeypatch.setattr(pipeline, "train_batches", train_batches)
    space = '{"rate": {"min": 0.1, "max": 1.0, "scaling": "linear"}}'
    (place / "submissions" / "mine" / "points.json").write_text(space)
    rates = []
    for study in range(3):
        arguments = ["--seed", "11", "--study", str(study), "--max-steps", "1"]
        assert run(*arguments, "--out", f"run{study}") == 0
        log = read_log(place / f"run{study}" / "events.jsonl")
        rates.append(log.events[0].trial_started.hyperparameters["rate"])
    assert seeds == [11, 11, 11]
    assert len(set(rates)) > 1  # the first trial is another point


def test_a_point_can_be_given_as_it_is(place: Path) -> None:
    assert run("--study", "9", "--trial", "300", "--point", '{"rate": 0.125}') == 0
    started = read_log(place / "run" / "events.jsonl").events[1].trial_started
    assert (started.study, started.trial) == (9, 300)
    assert dict(started.hyperparameters) == {"rate": 0.125}


def test_the_machine_is_checked_before_a_run_that_is_scored(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run() == 0
    assert not any(e.HasField("noise_check") for e in read_log(place / "run/events.jsonl").events)
    load = loading.load_ruleset

    def load_ruleset(version: str, tuning: str) -> Ruleset:
        ruleset = Ruleset()
        ruleset.CopyFrom(load(version, tuning))
        ruleset.base_workloads.append("fake")
        return ruleset

    monkeypatch.setattr(loading, "load_ruleset", load_ruleset)
    assert run("--out", "scored") == 0
    _, check, *_ = read_log(place / "scored/events.jsonl").events
    assert len(check.noise_check.seconds) == 7
    assert check.clock.timed_sec == 0


def test_scalars_can_be_mirrored(place: Path) -> None:
    assert run("--mirror", "tensorboard") == 0
    (path,) = (place / "run" / "tensorboard").iterdir()
    assert b"validation/loss" in path.read_bytes()


def test_a_step_limit(place: Path) -> None:
    assert run("--max-steps", "1") == 0
    ended = read_log(place / "run" / "events.jsonl").events[-1].trial_ended
    assert (ended.outcome, ended.global_step) == (Outcome.STEP_LIMIT, 1)


def test_a_failing_backend_is_recorded(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def failing(workload: Workload, version: str) -> Any:
        raise RuntimeError("no such device")

    arguments = ["--workload", "fake", "--submission", "mine", "--out", "run"]
    assert command.main(arguments, "jax", failing) == 1
    first, last = read_log(place / "run" / "events.jsonl").events
    assert first.trial_started.workload.name == "fake"
    assert last.trial_ended.outcome == Outcome.HARNESS_ERROR
    assert "HARNESS_ERROR: RuntimeError: no such device" in capsys.readouterr().out


def test_a_module_that_lacks_a_function_is_recorded(place: Path) -> None:
    (place / "submissions" / "mine" / "submission_jax.py").write_text("")
    assert run() == 4
    _, last = read_log(place / "run" / "events.jsonl").events
    assert "function get_batch_size is missing" in last.trial_ended.message


def test_isolation_that_is_not_possible_is_said_before_anything_is_run(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert run("--isolate") == USAGE_ERROR
    expected = "error: --isolate: bwrap is not installed; Debian's package is called bubblewrap\n"
    assert capsys.readouterr().err == expected
    assert not (place / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--workload", "digit_vit"],
            "unknown workload 'digit_vit'. Did you mean digits_vit? Valid:",
        ),
        (["--submission", "her"], "unknown submission 'her'. Valid: mine, or the path of a folder"),
        (["--ruleset", "own"], "argument --ruleset: invalid choice: 'own' (choose from"),
        (["--rules", "v9"], "unknown version of the rules 'v9'. Valid: v0.5, v0.6"),
        (["--submission", 300 * "a"], "File name too long"),
        (["--submission", ""], "argument --submission: is empty"),
        (["--out", ""], "argument --out: is empty"),
        (
            ["--seed", "-1"],
            "argument --seed: '-1' is not an integer from 0 to 18446744073709551615",
        ),
        (
            ["--max-steps", "few"],
            "argument --max-steps: 'few' is not an integer from 1 to 9223372036854775807",
        ),
        (["--study", str(2**64)], "argument --study: '18446744073709551616' is not an integer"),
        (["--out", "/"], "'/' is no name of a folder"),
        (["--trial", "3"], "--trial is 3. Valid: 1 to 2, the points of points.json"),
        (["--study", "3"], "--study is 3. Valid: 0 to 2, the studies of rules v0.6 external"),
        (["--hparams", "nowhere.json"], "nowhere.json: No such file"),
        (["--ruleset", "self"], "submission mine does not tune itself; use --ruleset external"),
        (["--ruleset", "self", "--hparams", "x"], "--hparams does not go with --ruleset self"),
        (["--ruleset", "self", "--point", "{}"], "--point does not go with --ruleset self"),
        (["--point", "{}"], "--point: expected a point"),
        (["--point", '{"rate": NaN}'], "--point: not JSON: NaN is no finite number"),
        (["--point", '{"a b": 1}'], "--point: hyperparameters a b"),
        (["--point", "{}", "--hparams", "x"], "not allowed with argument"),
        (["--out", "submissions"], "exists; give another --out"),
        (["--resume", "--out", ""], "argument --out: is empty"),
        (["--steps", "3"], "unrecognized arguments: --steps 3"),
    ],
)
def test_wrong_values_get_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    before = sorted(place.rglob("*"))
    try:
        assert run(*arguments) == USAGE_ERROR
    except SystemExit as end:  # argparse's own errors
        assert end.code == USAGE_ERROR
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert sorted(place.rglob("*")) == before


def test_a_submission_for_the_other_framework(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(framework="pytorch") == USAGE_ERROR
    assert "submission mine is not written for pytorch. Valid: jax" in capsys.readouterr().err


def test_help_explains(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run("--help")
    assert end.value.code == 0
    printed = capsys.readouterr().out
    for word in ("--workload", "--submission", "--max-steps", "Exit status"):
        assert word in printed


def test_all_outcomes_have_a_status() -> None:
    assert set(EXIT_STATUS) == set(Outcome.values()) - {Outcome.OUTCOME_UNSPECIFIED}


def test_a_killed_trial_leaves_a_readable_log(tmp_path: Path) -> None:
    """The program evaluates after every step, for ever; it is killed after a few evaluations."""
    program = f"""
from pathlib import Path
from harness import fakes, training, trial
from harness.clock import Clock
from harness.events import EventLog
from harness.interruption import Interruption
from harness.submission import Submission
from spec.event_pb2 import TrialStarted

machine = fakes.Machine()
clock = Clock(fakes.RULESET.timing.timed)
started = TrialStarted(workload=fakes.WORKLOAD, ruleset=fakes.RULESET, budget_sec=1e9)
started.workload.rules["v0.6"].eval_period_sec = 0
log = EventLog(Path({str(tmp_path / "events.jsonl")!r}), clock)
log.append(trial_started=started)
log.observers.append(lambda event: print(event.sequence, flush=True))
parts = training.Experiment(fakes.FakeBackend(machine), Submission(fakes.functions(machine)), None,
                         fakes.train_batches, fakes.eval_batches)
trial.run_trial(started, lambda started: parts, clock, log, Interruption())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    with process:
        last = [int(process.stdout.readline()) for _ in range(50)][-1]
        process.send_signal(signal.SIGKILL)
    log = read_log(tmp_path / "events.jsonl")
    assert log.events[0].HasField("trial_started")
    assert len(log.events) > last
    assert not any(event.HasField("trial_ended") for event in log.events)
    assert [event.sequence for event in log.events] == list(range(len(log.events)))
    assert log.ends_in_line == (log.problems == [])
    assert log.events[-1].clock.step == len(log.events) - 2


def test_a_workload_whose_data_nothing_reads_is_unknown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline, "is_readable", lambda workload: workload.name != "digits_vit")
    assert run("--workload", "digits_vit") == USAGE_ERROR
    assert "unknown workload 'digits_vit'. Did you mean" in capsys.readouterr().err


def stop_at(place: Path, step: int, number: int) -> None:
    """Makes the submission send its process a signal in that step."""
    body = f"import os; os.kill(os.getpid(), {number}) if global_step == {step} else None"
    module = place / "submissions" / "mine" / "submission_jax.py"
    module.write_text(SUBMISSION.replace("BODY", body))


def test_a_stopped_run_is_resumed_with_the_same_command(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "run").mkdir()  # empty
    stop_at(place, 0, signal.SIGTERM)
    assert run("--resume") == 128 + signal.SIGTERM
    assert len(list((place / "run" / "checkpoints").iterdir())) == 1
    capsys.readouterr()
    assert run("--resume") == 0
    assert "resumed after step 1; lost: 0 steps, 0.0 timed seconds" in capsys.readouterr().out
    log = read_log(place / "run" / "events.jsonl")
    assert log.problems == []
    assert [e.WhichOneof("event") for e in log.events].count("trial_resumed") == 1
    assert log.events[-1].trial_ended.outcome == Outcome.TARGET_REACHED
    before = (place / "run" / "events.jsonl").read_bytes()
    assert run("--resume") == 0
    printed = capsys.readouterr().out
    assert "has come to its end; nothing is left to run" in printed
    assert "TARGET_REACHED: validation loss met its target" in printed
    assert (place / "run" / "events.jsonl").read_bytes() == before


def test_without_checkpoints_a_stopped_run_begins_anew(place: Path) -> None:
    stop_at(place, 0, signal.SIGINT)
    assert run("--no-checkpoints") == 130
    assert not (place / "run" / "checkpoints").exists()
    stop_at(place, 99, signal.SIGINT)  # another submission, then
    assert run("--resume", "--no-checkpoints") == USAGE_ERROR
    stop_at(place, 0, signal.SIGINT)
    assert run("--resume", "--no-checkpoints") == 130
    (resumed,) = (
        e.trial_resumed
        for e in read_log(place / "run" / "events.jsonl").events
        if e.HasField("trial_resumed")
    )
    assert (resumed.global_step, resumed.first_lost_event, resumed.lost_steps) == (0, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "9"], "run holds another trial: seed is 9, expected 0"),
        (["--trial", "2"], "run holds another trial: trial is 2, expected 1"),
        (["--max-steps", "7"], "run holds another trial: step_limit is 7, expected 0"),
        (["--out", "submissions"], "submissions is no run folder: it has no events.jsonl"),
    ],
)
def test_only_the_same_trial_is_resumed(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    stop_at(place, 0, signal.SIGTERM)
    run()
    before = sorted(place.rglob("*"))
    assert run("--resume", *arguments) == USAGE_ERROR
    assert message in capsys.readouterr().err
    assert sorted(place.rglob("*")) == before


def test_two_processes_do_not_share_a_run_folder(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = """
    from harness import command
    assert command.main(["--workload", "fake", "--submission", "mine", "--out", "run", "--resume"],
                        "jax", None) == 2
    """.strip()
    module = place / "submissions" / "mine" / "submission_jax.py"
    module.write_text(SUBMISSION.replace("BODY", body))
    assert run() == 0
    assert "error: another process works on" in capsys.readouterr().err
