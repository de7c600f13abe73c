import os
import pathlib
import subprocess
import sys

import pytest

from tools.build import make_venv


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[pathlib.Path]:
    """Replaces the installation by making a folder; lists the environments that were made."""
    made: list[pathlib.Path] = []

    def make(lock: pathlib.Path, path: pathlib.Path) -> None:
        path.mkdir()
        made.append(path)

    monkeypatch.setattr(make_venv, "make_venv", make)
    return made


def interpreter(
    lock_text: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> pathlib.Path:
    """What the script prints for a lock with this text."""
    lock = tmp_path / "lock.txt"
    lock.write_text(lock_text)
    make_venv.main([str(lock), str(tmp_path / "venvs")])
    return pathlib.Path(capsys.readouterr().out.strip())


def test_an_environment_is_made_once_per_lock(
    installs: list[pathlib.Path], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = interpreter("a==1", tmp_path, capsys)
    assert first == installs[0] / "bin" / "python"
    assert interpreter("a==1", tmp_path, capsys) == first
    other = interpreter("a==2", tmp_path, capsys)
    assert other == installs[1] / "bin" / "python"
    assert len(installs) == 2


def test_an_environment_that_was_cut_short_is_made_again(
    installs: list[pathlib.Path], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = interpreter("a==1", tmp_path, capsys).parent.parent
    (path / "complete").unlink()
    (path / "leftover").touch()
    interpreter("a==1", tmp_path, capsys)
    assert installs == [path, path]
    assert not (path / "leftover").exists()


def test_a_missing_torch_build_is_explained_and_leaves_no_environment(
    tmp_path: pathlib.Path,
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"torch==0.0.1+cpu --hash=sha256:{'0' * 64}\n")
    result = subprocess.run(
        [sys.executable, make_venv.__file__, lock, tmp_path / "venvs"],
        env={"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert "No matching distribution found for torch==0.0.1+cpu" in result.stderr
    assert "PIP_FIND_LINKS" in result.stderr
    assert result.stdout == ""
    assert not list(tmp_path.glob("venvs/*/complete"))
