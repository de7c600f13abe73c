import datetime
from pathlib import Path

import pytest
from google.protobuf import text_format

from harness import fakes, run_folder
from harness.clock import Clock
from harness.errors import UsageError
from harness.events import read_log
from harness.submission import Source
from spec.event_pb2 import Remark, TrialStarted
from spec.submission_pb2 import JAX, SubmissionManifest


@pytest.fixture
def source(tmp_path: Path) -> Source:
    folder = tmp_path / "mine"
    (folder / "sub").mkdir(parents=True)
    files = [folder / "submission_jax.py", folder / "sub" / "helper.py"]
    for file in files:
        file.write_text(file.name)
    return Source(SubmissionManifest(name="mine"), folder, files[0], tuple(files))


TRIAL = TrialStarted(
    workload=fakes.WORKLOAD,
    submission=SubmissionManifest(name="mine"),
    framework=JAX,
    seed=2**64 - 1,
)


def test_a_run_folder_explains_itself(tmp_path: Path, source: Source) -> None:
    folder = tmp_path / "a" / "run"
    log, _ = run_folder.create(folder, TRIAL, source, Clock())
    log.append(remark=Remark(message="later"))
    first, second = read_log(folder / "events.jsonl").events
    assert first.trial_started == TRIAL
    assert second.remark.message == "later"
    description = (folder / "trial.textproto").read_text()
    assert text_format.Parse(description, TrialStarted()) == TRIAL
    assert (folder / "submission" / "sub" / "helper.py").read_text() == "helper.py"
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_the_description_can_be_replaced(tmp_path: Path, source: Source) -> None:
    folder = tmp_path / "run"
    run_folder.create(folder, TRIAL, source, Clock())
    run_folder.write_description(folder, TrialStarted(seed=5))
    assert (folder / "trial.textproto").read_text() == "seed: 5\n"
    assert sorted(p.name for p in folder.iterdir()) == [
        "events.jsonl",
        "lock",
        "submission",
        "trial.textproto",
    ]


def test_an_existing_folder_is_not_touched(tmp_path: Path, source: Source) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(UsageError, match="run exists; give another --out, or move it away"):
        run_folder.create(tmp_path / "run", TRIAL, source, Clock())
    assert list((tmp_path / "run").iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path, source: Source) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        run_folder.create(tmp_path / "file" / "run", TRIAL, source, Clock())


def test_a_full_disk_leaves_no_folder(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with pytest.raises(UsageError, match="run cannot be written: No space left on device"):
        run_folder.create(tmp_path / "run", TRIAL, source, Clock())
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_default_folder_says_what_was_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILD_WORKING_DIRECTORY", "/home/user")
    now = datetime.datetime(2026, 1, 2, 3, 4, 5)
    expected = Path("/home/user/runs/fake-mine-jax-20260102-030405")
    assert run_folder.default_folder(TRIAL, now) == expected
