"""The command around what runs submissions, which is replaced here."""

from pathlib import Path

import pytest

from harness import submission
from preflight import command, passes, processes
from preflight.findings import Finding
from preflight.rules import RULES
from preflight.wrong_submissions import GOOD, Wrong, load, write
from spec.submission_pb2 import PYTORCH

NAN = Finding("finite", "not finite", "submission_pytorch.py", 19, "pytorch tiny/wmt")


@pytest.fixture(autouse=True)
def findings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Finding]:
    """What running shows; a test fills it."""
    found: list[Finding] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUILD_WORKING_DIRECTORY", raising=False)
    monkeypatch.setattr(processes, "run", lambda *arguments: (list(found), ["a note"]))
    monkeypatch.setattr(command, "is_installed", lambda backend: backend == "pytorch")
    return found


def passed(folder: Path) -> bool:
    return passes.passed(submission.find("", folder, PYTORCH).sha256(), PYTORCH)


def test_a_good_submission_passes_until_it_is_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, "good", "pytorch", GOOD["pytorch"])
    assert not passed(folder)
    assert command.main(["good"]) == 0
    assert "note: a note" in capsys.readouterr().out
    assert passed(folder)
    (folder / "README.md").write_text("more")
    assert not passed(folder)
    (folder / "README.md").unlink()
    assert passed(folder)
    next((tmp_path / "runs" / "preflight").iterdir()).write_text("[]")
    assert not passed(folder)


def test_findings_are_shown_with_line_and_rule_and_take_the_pass_away(
    tmp_path: Path, findings: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, "good", "pytorch", GOOD["pytorch"])
    assert command.main(["good"]) == 0
    findings.append(NAN)
    assert command.main(["good"]) == 1
    shown = capsys.readouterr().out
    assert "submission_pytorch.py:19: not finite (pytorch tiny/wmt)" in shown
    assert RULES["finite"] in shown
    assert not passed(folder)


def test_a_waived_finding_is_shown_with_its_reason(
    tmp_path: Path, findings: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, "good", "pytorch", GOOD["pytorch"])
    with (folder / submission.MANIFEST).open("a") as manifest:
        manifest.write('waivers { rule: "finite" reason: "known to diverge" }\n')
    findings.append(NAN)
    assert command.main(["good"]) == 0
    assert "finite: waived by good: known to diverge" in capsys.readouterr().out
    assert passed(folder)


def test_what_is_read_counts_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong: Wrong = next(wrong for wrong in load("read") if wrong.name == "own_clock")
    wrong.write(tmp_path)
    assert command.main([wrong.name]) == 1
    assert RULES["clock"] in capsys.readouterr().out


def test_a_framework_that_is_not_there_gives_no_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "good", "jax", GOOD["jax"])
    assert command.main(["good"]) == 1
    assert "not run on jax" in capsys.readouterr().out


def test_one_framework_of_two_is_enough(
    tmp_path: Path, findings: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, "good", "pytorch", GOOD["pytorch"])
    (folder / "submission_jax.py").write_text(GOOD["jax"])
    manifest = folder / submission.MANIFEST
    manifest.write_text(manifest.read_text() + "frameworks: JAX\n")
    assert command.main(["good"]) == 0
    shown = capsys.readouterr().out
    assert "not run on jax, which is not installed" in shown and shown.count("pass: ") == 1
    assert passed(folder)
    findings.append(NAN)
    assert command.main(["good"]) == 1


@pytest.mark.parametrize(
    ("points", "message"),
    [("[]", "no points"), ("{", "not JSON"), (None, "points.json"), ('[{"a b": 1}]', "a b")],
)
def test_hyperparameters_that_cannot_be_used_are_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], points: str | None, message: str
) -> None:
    folder = write(tmp_path, "good", "pytorch", GOOD["pytorch"])
    (folder / "points.json").unlink()
    if points is not None:
        (folder / "points.json").write_text(points)
    assert command.main(["good"]) == 1
    shown = capsys.readouterr().out
    assert message in shown
    assert RULES["manifest"] in shown


def test_what_is_no_submission_is_a_wrong_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nothing"]) == 2
    assert "unknown submission 'nothing'" in capsys.readouterr().err
    assert command.main(["nadamw", "--hardware", "abacus"]) == 2
    assert "abacus" in capsys.readouterr().err
