"""`tandem data` and a run on what it prepared, from files in the published format."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import data, main
from inputs import mnist, storage
from inputs.testing import write_mnist


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path / "prepared"))
    return tmp_path


def test_data_sets_are_found_by_their_modules() -> None:
    assert {"cifar10", "criteo1tb", "mnist"} <= set(data.datasets())
    assert not {"digits", "generated", "storage", "mnist_test"} & set(data.datasets())


@pytest.mark.parametrize("name", data.datasets())
def test_nothing_prepared(name: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["data", "check", name]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{name} in {home / 'prepared' / name}\n  missing  ")
    assert "free " in captured.out.splitlines()[-1]
    assert f"`tandem data prepare {name} --raw DIR` makes it" in captured.err
    assert captured.err.count("\n") == 1


def test_prepared_in_part(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_mnist(home / "raw", 60, 10)
    elsewhere = home / "elsewhere"
    argv = ["mnist", "--data-dir", str(elsewhere)]
    assert main.main(["data", "prepare", *argv, "--raw", str(home / "raw")]) == 1
    out = capsys.readouterr().out
    assert (
        f"mnist in {elsewhere / 'mnist'}\n  partial  train_images.npy  60 of 60,000 examples" in out
    )
    assert (elsewhere / "mnist" / "test_labels.npy").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["prepare", "mnist", "--raw", "nowhere"],
            "nowhere, expected the folder of the pub",
        ),
        (
            ["prepare", "mnist", "--raw", "."],
            "expected train-labels-idx1-ubyte or train-labels-idx1",
        ),
        (["prepare", "mnist"], "the following arguments are required: --raw"),
        (["check", "minst"], "argument dataset: invalid choice: 'minst' (choose from"),
        (["fetch", "mnist"], "invalid choice: 'fetch'"),
        ([], "the following arguments are required: command"),
    ],
)
def test_wrong_commands_get_one_line(
    argv: list[str],
    message: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(home)
    try:
        assert main.main(["data", *argv]) == 2
    except SystemExit as end:
        assert end.code == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("raised", "status", "message"),
    [
        (
            OSError(28, "No space left on device", "x.npy"),
            2,
            "error: x.npy: No space left on device",
        ),
        (KeyboardInterrupt(), 130, "stopped; the same command goes on from here"),
    ],
)
def test_a_preparation_that_stops(
    raised: BaseException,
    status: int,
    message: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def prepare(raw: Path, folder: Path) -> None:
        raise raised

    monkeypatch.setattr(mnist, "prepare", prepare)
    assert main.main(["data", "prepare", "mnist", "--raw", str(home)]) == status
    assert capsys.readouterr().err == f"{message}\n"


def test_a_disk_that_is_too_small_is_told_first(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Usage)
    (home / "day_0.gz").write_bytes(gzip.compress(b"no click\n"))
    assert main.main(["data", "prepare", "criteo1tb", "--raw", str(home)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("note: all of criteo1tb needs 699.8 GB more on the disk of ")
    assert first.endswith("5.0 MB are free")
    assert second == f"error: {home}/day_0.gz:1: 1 fields, expected 40 between tabs"


class _Usage:
    free = 5_000_000


def test_a_run_on_prepared_data(home: Path) -> None:
    """From IDX files in the published format to a log, with the commands of the documentation."""
    write_mnist(home / "raw", 60_000, 10_000)
    run = ["run", "--backend", "jax", "--workload", "mnist", "--max-steps", "20", "--out", "run"]
    run += ["--data-dir", "prepared"]
    early = tandem(run, home)
    assert early.returncode == 2 and early.stderr.count("\n") == 1
    assert "`tandem data prepare mnist --raw DIR` makes it" in early.stderr
    assert not (home / "run").exists()
    prepared = tandem(["data", "prepare", "mnist", "--raw", "raw", "--data-dir", "prepared"], home)
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    assert prepared.stdout.count("  ready  ") == 4
    result = tandem(run, home)
    assert result.returncode == 0, result.stdout + result.stderr
    events = [json.loads(line) for line in (home / "run" / "events.jsonl").read_text().splitlines()]
    assert events[-1]["trial_ended"]["outcome"] == "STEP_LIMIT"
    source = storage.data_folder("mnist")
    started = [event["trial_started"] for event in events if "trial_started" in event][-1]
    assert len(started["data_sha256"]) == 64 and source.is_dir()


def tandem(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parent.parent
    path = os.pathsep.join(filter(None, [str(root), *sys.path]))
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
