"""The processes in which a submission is rehearsed: one framework each, and what they found together."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness import sandbox
from harness.submission import MANIFEST, Source
from preflight import memory
from preflight.findings import Finding
from spec.hardware_pb2 import Hardware

PACKAGES = {"jax": "jax", "pytorch": "torch"}  # what a backend cannot do without
LIMIT_SEC = 1800  # for all of them, on a machine that is busy with other things
MEMORY_BYTES = 16 * 2**30  # that a process in a sandbox may allocate
NUM_DEVICES = 2  # that JAX is made to see on a CPU
# Of the way that the parameters went, how much may differ between numbers of devices: rounding, and
# what an algorithm that divides by small numbers makes of it.
DEVICES_BOUND = 0.02


def is_installed(backend: str) -> bool:
    return importlib.util.find_spec(PACKAGES[backend]) is not None


class Task:
    """A module of this package in a process of its own, with a folder for what it leaves there."""

    def __init__(
        self,
        where: str,
        parent: Path,
        module: str,
        *arguments: str,
        flags: str = "",
        readable: Path | None = None,
    ):
        """`flags` are added to XLA's. With `readable`, a folder that it has to see, it is put into a
        sandbox.
        """
        self.where = where
        self.folder = parent / where.replace(" ", "_")
        self.folder.mkdir()
        path = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        environment = sandbox.environment() if readable else os.environ | path
        environment |= {
            "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip(),
            "JAX_PLATFORMS": "cpu",
            "CUDA_VISIBLE_DEVICES": "",
        }
        command = [sys.executable, "-m", f"preflight.{module}", "--out", str(self.folder)]
        command += arguments
        if readable:
            command = sandbox.command(command, {str(readable): readable}, MEMORY_BYTES, self.folder)
        with (self.folder / "log").open("w") as log:  # what the submission prints goes there too
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment
            )

    def answer(self, deadline: float) -> dict[str, Any]:
        """What it wrote; of a process that failed or had no more time, a finding."""
        try:
            status = self.process.wait(max(0.0, deadline - time.monotonic()))
            how = f"ended with status {status}"
        except subprocess.TimeoutExpired:
            status, how = None, f"did not end within {LIMIT_SEC} seconds"
        if status == 0:
            answer: dict[str, Any] = json.loads((self.folder / "answer.json").read_text())
            return answer
        lines = (self.folder / "log").read_text(errors="backslashreplace").splitlines() or [""]
        message = f"the rehearsal {how}: {lines[-1].strip()}"
        return {"findings": [{"rule": "ends", "message": message, "where": self.where}]}

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def run(
    found: Mapping[str, Source], hardware: Hardware, folder: Path, is_isolated: bool
) -> tuple[list[Finding], list[str]]:
    """(findings, notes on what was not looked at) of rehearsals on all frameworks, side by side.

    Args:
      found: the submission by backend; each is installed.
      hardware: whose memory and number of accelerators count.
      folder: for the processes' files.
      is_isolated: whether the submission runs in a sandbox.
    """
    deadline = time.monotonic() + LIMIT_SEC
    with contextlib.ExitStack() as stack:

        def start(where: str, backend: str, *arguments: str, flags: str = "") -> Task:
            source = found[backend]
            what = ["--backend", backend, "--submission", str(_path(source)), *arguments]
            readable = source.folder if is_isolated else None
            task = Task(where, folder, "examination", *what, flags=flags, readable=readable)
            stack.callback(task.stop)
            return task

        number = str(hardware.num_accelerators)
        tasks = [start(backend, backend, "--num-accelerators", number) for backend in found]
        if "jax" in found:
            flags = f"--xla_force_host_platform_device_count={NUM_DEVICES}"
            where = f"jax on {NUM_DEVICES} devices"
            tasks.append(start(where, "jax", "--devices", flags=flags))
        if is_installed("pytorch"):
            tasks.append(Task("memory", folder, "memory"))
            stack.callback(tasks[-1].stop)
        answers = {task.where: task.answer(deadline) for task in tasks}
    findings = [Finding(**f) for answer in answers.values() for f in answer["findings"]]
    folders = {task.where: task.folder for task in tasks}
    notes = []
    if "jax" in found:
        findings += _devices(folders["jax"], folders[where], found["jax"].module.name)
    if "pytorch" in found:
        notes.append("PyTorch uses one device: numbers of devices are not compared")
    example_bytes = answers.get("memory", {}).get("example_bytes", {})
    for backend, source in found.items():
        answer = answers[backend]
        findings += _memory(answer, example_bytes, hardware, source, backend)
        known = example_bytes.keys() & answer.get("state_bytes", {}).keys()
        if missing := [name for name in memory.RULESET.base_workloads if name not in known]:
            notes.append(f"memory is not estimated on {backend} for {', '.join(missing)}")
    return findings, notes


def _path(source: Source) -> Path:
    """What a command calls a submission by."""
    return source.folder if (source.folder / MANIFEST).exists() else source.module


def _devices(one: Path, several: Path, path: str) -> Iterator[Finding]:
    """Whether the parameters went the same way on one device and on several."""
    for file in several.rglob("*.npz"):
        name = file.relative_to(several)
        if not (one / name).exists():
            continue
        error = relative_error(_arrays(one / name), _arrays(file))
        if not error <= DEVICES_BOUND:
            message = f"the parameters' way differs by {error:.1%}, at most {DEVICES_BOUND:.0%} is rounding"
            where = f"jax {name.with_suffix('')}"
            yield Finding("devices", message, path, where=where)


def relative_error(expected: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> float:
    """Norm of the difference over the norm of what was expected, of all arrays together."""
    difference = sum(float(np.sum((found[k] - expected[k]) ** 2)) for k in expected)
    total = sum(float(np.sum(array**2)) for array in expected.values())
    return float(np.sqrt(difference / total)) if total else float(np.sqrt(difference))


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _memory(
    answer: Mapping[str, Any],
    example_bytes: Mapping[str, float],
    hardware: Hardware,
    source: Source,
    backend: str,
) -> Iterator[Finding]:
    sizes, states = answer.get("batch_sizes", {}), answer.get("state_bytes", {})
    for name, num_bytes in example_bytes.items():
        growth = answer.get("growth", {}).get(f"tiny/{name}")
        if name not in sizes or name not in states or growth is None:
            continue
        needed = memory.needed_bytes(
            name, sizes[name], states[name], growth, num_bytes, hardware.num_accelerators
        )
        if needed > hardware.memory_bytes:
            message = (
                f"{name} needs about {needed / 2**30:.1f} GiB on each accelerator of "
                f"{hardware.name}, which has {hardware.memory_bytes / 2**30:.1f}"
            )
            yield Finding("memory", message, source.module.name, where=backend)
