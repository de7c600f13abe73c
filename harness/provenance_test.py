import subprocess
from pathlib import Path

import numpy as np
import pytest

from harness import provenance
from spec.event_pb2 import Device


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


def test_a_device_as_its_driver_describes_it() -> None:
    line = (
        "NVIDIA H200, 570.1, 143771 MiB, 1980 MHz, 3201 MHz, 700.00 W, Enabled, Enabled, Disabled"
    )
    found = provenance.parse_device(line)
    assert (found.name, found.driver, found.memory) == ("NVIDIA H200", "570.1", "143771 MiB")
    assert (found.max_clock, found.max_memory_clock) == ("1980 MHz", "3201 MHz")
    assert (found.power_limit, found.ecc_mode, found.mig_mode) == (
        "700.00 W",
        "Enabled",
        "Disabled",
    )
    assert provenance.parse_device("X, 1, [N/A]") == Device(name="X", driver="1")


def test_without_the_drivers_tool_there_are_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert provenance.devices() == []


def test_containers_are_known_by_their_marks(tmp_path: Path) -> None:
    assert provenance.container(tmp_path, {}) == ""
    assert provenance.container(tmp_path, {"container": "lxc"}) == "lxc"
    (tmp_path / ".dockerenv").touch()
    assert provenance.container(tmp_path, {"container": "lxc"}) == "docker"
    assert provenance.container(tmp_path, {"APPTAINER_CONTAINER": "x.sif"}) == "apptainer"


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
