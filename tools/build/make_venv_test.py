import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

MakeVenv = Callable[[str], subprocess.CompletedProcess[str]]

SCRIPT = pathlib.Path(__file__).parent / "make_venv.py"


@pytest.fixture
def make_venv(tmp_path: pathlib.Path) -> MakeVenv:
    """Runs the script for a lock with the given text, without any package index."""

    def run(lock_text: str) -> subprocess.CompletedProcess[str]:
        lock = tmp_path / "lock.txt"
        lock.write_text(lock_text)
        return subprocess.run(
            [sys.executable, SCRIPT, lock, tmp_path / "venvs"],
            env={"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull},
            capture_output=True,
            text=True,
        )

    return run


def test_makes_an_environment_once_per_lock(make_venv: MakeVenv) -> None:
    first = make_venv("# nothing\n")
    assert first.returncode == 0, first.stderr
    python = pathlib.Path(first.stdout.strip())
    subprocess.run([python, "-c", "import pip"], check=True)

    # Were the environment made again, this file would be gone.
    witness = python.parent / "witness"
    witness.touch()
    assert make_venv("# nothing\n").stdout == first.stdout
    assert witness.exists()


def test_a_missing_torch_build_is_explained_and_leaves_no_environment(
    make_venv: MakeVenv, tmp_path: pathlib.Path
) -> None:
    result = make_venv(f"torch==0.0.1+cpu --hash=sha256:{'0' * 64}\n")
    assert result.returncode != 0
    assert "No matching distribution found for torch==0.0.1+cpu" in result.stderr
    assert "PIP_FIND_LINKS" in result.stderr
    assert result.stdout == ""
    assert not list(tmp_path.glob("venvs/*/complete"))
