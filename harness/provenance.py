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
from spec.event_pb2 import Provenance

# Variables that change arithmetic, threads or devices, by their beginning.
_ENVIRONMENT = (
    "CUBLAS_", "CUDA_", "CUDNN_", "GOTO_NUM_THREADS", "JAX_", "LD_PRELOAD", "MKL_", "NCCL_",
    "NVIDIA_TF32", "OMP_", "OPENBLAS_", "PYTHONHASHSEED", "PYTORCH_", "TORCH_", "TORCHINDUCTOR_",
    "XLA_",
)  # fmt: skip


def collect(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Provenance:
    """Everything that can be known without a framework; `accelerators` is left to the backend."""
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
        environment={
            k: printable(v) for k, v in sorted(environment.items()) if k.startswith(_ENVIRONMENT)
        },
    )


def changes(before: Provenance, now: Provenance) -> list[str]:
    """Names of the parts that can change numbers or times and are not as they were."""
    parts = [field.name for field in Provenance.DESCRIPTOR.fields if field.name != "command"]
    return [name for name in parts if getattr(before, name) != getattr(now, name)]


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


def _cpu() -> str:
    """The processor's name as Linux gives it, else as the platform does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or sys.platform
