"""Rehearsals in processes of their own."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness import sandbox
from preflight import processes
from preflight.processes import Task, relative_error
from preflight.wrong_submissions import GOOD, write


def task(tmp_path: Path, text: str) -> Task:
    folder = write(tmp_path, "mine", "pytorch", text)
    arguments = ["--backend", "pytorch", "--submission", str(folder), "--devices"]
    return Task("pytorch on 1 device", tmp_path, "examination", *arguments)


@pytest.mark.skipif(bool(sandbox.obstacle()), reason=sandbox.obstacle())
def test_in_a_sandbox_it_finds_the_same_and_reaches_nothing(tmp_path: Path) -> None:
    probe = """
from pathlib import Path

try:
    Path(__file__).with_name("escaped").write_text("")
except OSError as error:
    print(error)
"""
    folder = write(tmp_path, "mine", "pytorch", probe + GOOD["pytorch"])
    arguments = ["--backend", "pytorch", "--submission", str(folder), "--devices"]
    running = Task("inside", tmp_path, "examination", *arguments, readable=folder)
    assert rules(running.answer(time.monotonic() + 300)) == []
    assert "Read-only file system" in (running.folder / "log").read_text()
    assert not (folder / "escaped").exists()


def rules(answer: dict[str, Sequence[dict[str, str]]]) -> list[str]:
    return [finding["rule"] for finding in answer["findings"]]


def test_a_process_leaves_findings_and_how_far_the_parameters_went(tmp_path: Path) -> None:
    running = task(tmp_path, "print('hello')\n" + GOOD["pytorch"])
    answer = running.answer(time.monotonic() + 300)
    assert rules(answer) == []
    assert answer["growth"]["tiny/imagenet_resnet"] == pytest.approx(1, rel=0.01)
    with np.load(running.folder / "tiny" / "imagenet_resnet.npz") as moves:
        assert all(np.abs(array).max() > 0 for array in moves.values())


def test_a_process_that_dies_is_a_finding(tmp_path: Path) -> None:
    running = task(tmp_path, "import os\nos._exit(7)\n")
    answer = running.answer(time.monotonic() + 300)
    assert rules(answer) == ["ends"]
    assert "status 7" in answer["findings"][0]["message"]


def test_a_process_that_does_not_end_is_a_finding_and_is_ended(tmp_path: Path) -> None:
    running = task(tmp_path, "while True:\n    pass\n")
    assert rules(running.answer(time.monotonic())) == ["ends"]
    running.stop()
    assert running.process.returncode is not None


def test_the_error_is_relative_to_the_way() -> None:
    way = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    assert relative_error(way, way) == 0
    assert relative_error(way, {"a": np.array([3.0, 0.5]), "b": np.array([[4.0]])}) == 0.1
    still = {"a": np.zeros(1)}
    assert relative_error(still, still) == 0
    assert np.isnan(relative_error(way, {"a": np.array([np.nan, 0]), "b": way["b"]}))


def test_parameters_that_go_elsewhere_on_several_devices_are_a_finding(tmp_path: Path) -> None:
    for number, way in enumerate((1.0, 1.01, 1.1)):
        (tmp_path / str(number) / "tiny").mkdir(parents=True)
        np.savez(tmp_path / str(number) / "tiny" / "wmt.npz", a=np.full(5, way))
    one, near, far = (tmp_path / str(number) for number in range(3))
    assert not list(processes._devices(one, near, "submission_jax.py"))
    (finding,) = processes._devices(one, far, "submission_jax.py")
    assert (finding.rule, finding.where) == ("devices", "jax tiny/wmt")
