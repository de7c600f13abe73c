import subprocess
from pathlib import Path

import numpy as np

from harness import provenance


def test_provenance_of_this_process() -> None:
    environment = {"XLA_FLAGS": "--a", "OMP_NUM_THREADS": "2", "HOME": "/home", "API_KEY": "secret"}
    found = provenance.collect(["run.py", "--seed", "a b"], environment)
    assert found.command == "run.py --seed 'a b'"
    assert dict(found.environment) == {"XLA_FLAGS": "--a", "OMP_NUM_THREADS": "2"}
    assert found.packages["numpy"] == np.__version__
    assert found.num_cpus >= 1
    assert found.memory_bytes > 2**28
    assert found.cpu
    assert found.host_os


def test_checkout(tmp_path: Path) -> None:
    assert provenance.checkout(tmp_path) == ("", False)

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "init.defaultBranch=main"]
        command = ["git", *identity, "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    assert provenance.checkout(tmp_path) == ("", False)  # no commit yet
    (tmp_path / "file").write_text("1")
    git("add", ".")
    git("commit", "-m", "first")
    assert provenance.checkout(tmp_path) == (git("rev-parse", "HEAD"), False)
    (tmp_path / "file").write_text("2")
    assert provenance.checkout(tmp_path)[1]
