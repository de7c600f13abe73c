"""Where and with what a trial ran."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from harness.errors import printable
from spec import loading
from spec.event_pb2 import Device, Provenance

# Variables that change arithmetic, threads or devices, by their beginning.
_ENVIRONMENT = (
    "CUBLAS_", "CUDA_", "CUDNN_", "GOTO_NUM_THREADS", "JAX_", "LD_PRELOAD", "MKL_", "NCCL_",
    "NVIDIA_TF32", "OMP_", "OPENBLAS_", "PYTHONHASHSEED", "PYTORCH_", "TORCH_", "TORCHINDUCTOR_",
    "XLA_",
)  # fmt: skip

# Parts whose names alone do not say what they are.
_IN_WORDS = {"modified": "uncommitted changes", "commit": "commit of this program"}
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_QUERY = {  # field of `Device` -> what nvidia-smi calls it
    "name": "name",
    "driver": "driver_version",
    "memory": "memory.total",
    "max_clock": "clocks.max.sm",
    "max_memory_clock": "clocks.max.memory",
    "power_limit": "power.limit",
    "persistence_mode": "persistence_mode",
    "ecc_mode": "ecc.mode.current",
    "mig_mode": "mig.mode.current",
}


def collect(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Provenance:
    """Everything that can be known without a framework; `accelerators` is left to the backend, and what
    it adds to the environment.
    """
    commit, modified = checkout(loading.ROOT.parent)
    return Provenance(
        command=printable(shlex.join(arguments)),
        commit=commit,
        modified=modified,
        host_os=platform.platform(),
        python=platform.python_version(),
        cpu=_cpu(),
        num_cpus=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        memory_bytes=psutil.virtual_memory().total,
        packages={d.name: d.version for d in importlib.metadata.distributions()},
        environment=relevant(environment),
        devices=devices(),
        cpu_governor=_content(_GOVERNOR),
        container=container(Path("/"), environment),
    )


def relevant(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that frameworks and their libraries read."""
    return {k: printable(v) for k, v in sorted(environment.items()) if k.startswith(_ENVIRONMENT)}


def devices() -> list[Device]:
    """The GPUs of the machine, as NVIDIA's tool describes them; none where there is no such tool."""
    query = ["nvidia-smi", f"--query-gpu={','.join(_QUERY.values())}", "--format=csv,noheader"]
    try:
        result = subprocess.run(query, check=True, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return []
    return [parse_device(line) for line in result.stdout.splitlines() if line]


def parse_device(line: str) -> Device:
    """A line of the tool's answer. What a device does not have, the tool says in brackets."""
    cells = [printable(cell.strip()) for cell in line.split(",")]
    known = {
        field: cell for field, cell in zip(_QUERY, cells, strict=False) if not cell.startswith("[")
    }
    return Device(**known)


def container(root: Path, environment: Mapping[str, str]) -> str:
    """`docker`, `podman` and so on, by the marks that they leave; empty where there is none."""
    marks = {"docker": root / ".dockerenv", "podman": root / "run" / ".containerenv"}
    found = [name for name, mark in marks.items() if mark.exists()]
    named = environment.get("APPTAINER_CONTAINER") or environment.get("SINGULARITY_CONTAINER")
    return "apptainer" if named else next(iter(found), printable(environment.get("container", "")))


def changes(before: Provenance, now: Provenance) -> list[str]:
    """Names of the parts that can change numbers or times and are not as they were."""
    parts = [field.name for field in Provenance.DESCRIPTOR.fields if field.name != "command"]
    changed = [name for name in parts if getattr(before, name) != getattr(now, name)]
    return [_IN_WORDS.get(name, name.replace("_", " ")) for name in changed]


def checkout(root: Path) -> tuple[str, bool]:
    """The commit at `root` and whether files differ from it; ("", False) where none is known."""
    if not (root / ".git").exists():
        return "", False
    try:
        return _git(root, "rev-parse", "HEAD").strip(), bool(
            _git(root, "status", "--porcelain").strip()
        )
    except (OSError, subprocess.SubprocessError):
        return "", False


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


def _content(path: Path) -> str:
    """What a text file holds; nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _cpu() -> str:
    """The processor's name as Linux gives it, else as the platform does."""
    lines = _content(Path("/proc/cpuinfo")).splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or sys.platform
