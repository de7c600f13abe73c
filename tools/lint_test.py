"""ruff, mypy and the BUILD files, over the working tree.

The target runs outside the sandbox and is never cached, because what it reads is the whole tree.
The tools keep caches of their own there.
"""

import importlib.metadata
import pathlib
import subprocess
import sys

import pytest

from tools import build_files

# Under Bazel this file is a link into the working tree.
ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("command", ["ruff format --diff .", "ruff check .", "mypy ."])
def test_tool_has_no_complaint(command: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}"


def test_build_files_declare_what_python_files_import() -> None:
    distributions = importlib.metadata.packages_distributions()
    complaints = list(build_files.check(ROOT, distributions))
    assert not complaints, "\n".join(complaints)
