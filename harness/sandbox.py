"""Commands that run somebody else's code where it reaches nothing, by bubblewrap.

Inside there is no network; no process from outside can be seen; of the file system there is what
programs and Python need, this checkout's packages and what the caller names, all of it read-only;
temporary files stand in memory; and memory is limited.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from inputs import storage
from spec import loading

PROGRAM = "bwrap"
TEMPORARY_BYTES = 2**30  # of files in each temporary folder, and in a file that is written
_NAMESPACES = ("--unshare-all", "--die-with-parent", "--new-session")
# Programs and libraries, what finds them, names of users, and what a driver tells of its devices.
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/sys"),
    *("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf"),
    *("/etc/passwd", "/etc/group"),
)
_DEVICES = ("nvidia*", "kfd", "dri")  # accelerators in /dev
_PACKAGES = ("spec", "inputs", "harness", "backends", "submissions", "compat", "preflight")
# Variables that change what frameworks and programs do; others may be somebody's secrets.
_VARIABLES = ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "CUDA_HOME")
_PREFIXES = (
    *("LC_", "OMP_", "MKL_", "OPENBLAS_", "CUDA_", "CUBLAS_", "CUDNN_", "NCCL_", "NVIDIA_"),
    *("XLA_", "JAX_", "TF_", "TORCH_", "PYTORCH_"),
)


def obstacle() -> str:
    """Why there can be no sandbox here; empty if there can."""
    if shutil.which(PROGRAM) is None:
        return f"{PROGRAM} is not installed; Debian's package is called bubblewrap"
    trial = subprocess.run(
        [PROGRAM, *_NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "true"],
        capture_output=True,
        text=True,
    )
    return f"{PROGRAM} cannot work here: {trial.stderr.strip()}" if trial.returncode else ""


def command(
    argv: Sequence[str],
    readable: Mapping[str, Path],
    memory_bytes: int,
    writable: Path | None = None,
) -> list[str]:
    """The command that runs `argv` inside; give it `environment()`.

    Args:
      argv: program and arguments.
      readable: what must be seen besides, by the place where it is seen.
      memory_bytes: that each process may allocate.
      writable: the one folder that is kept of what is written; also where the program starts. Without
        one it starts among temporary files.
    """
    python = [Path(sys.prefix), Path(sys.base_prefix), *_python_path()]
    shown = {str(path): path for path in [*map(Path, _SYSTEM), *python] if path.exists()}
    root = loading.ROOT.parent
    shown.pop(str(root), None)
    shown |= {str(root / name): root / name for name in _PACKAGES if (root / name).exists()}
    mounts = {place: ["--ro-bind", str(path.resolve())] for place, path in shown.items()}
    mounts |= {place: ["--ro-bind", str(path.resolve())] for place, path in readable.items()}
    memory = ["--size", str(TEMPORARY_BYTES), "--tmpfs"]
    mounts |= {"/dev": ["--dev"], "/dev/shm": memory, "/proc": ["--proc"]}
    mounts |= {tempfile.gettempdir(): memory, "/tmp": memory}
    devices = [path for pattern in _DEVICES for path in Path("/dev").glob(pattern)]
    mounts |= {str(path): ["--dev-bind", str(path)] for path in devices}
    data = storage.data_folder(".").resolve()  # it may lie in a place that is shown
    mounts |= {str(data): memory} if data.is_dir() else {}
    if writable:
        mounts[str(writable.resolve())] = ["--bind", str(writable.resolve())]
    in_order = sorted(mounts, key=lambda place: len(Path(place).parts))  # what lies deeper decides
    options = [option for place in in_order for option in (*mounts[place], place)]
    options += ["--remount-ro", "/", "--remount-ro", "/dev"]  # what the mounts stand in
    options += ["--chdir", str(writable.resolve() if writable else "/tmp")]
    limits = [f"--data={memory_bytes}", f"--fsize={TEMPORARY_BYTES}", "--core=0"]
    return [PROGRAM, *_NAMESPACES, *options, "--", "prlimit", *limits, *argv]


def environment() -> dict[str, str]:
    """The variables for a process inside."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _VARIABLES or name.startswith(_PREFIXES)
    }
    path = os.pathsep.join(map(str, _python_path()))
    return passed | {"HOME": "/tmp", "PYTHONPATH": path}


def _python_path() -> list[Path]:
    """Where modules are found inside: as here, without the folder that the user happens to stand in."""
    found = dict.fromkeys(Path(entry).resolve() for entry in sys.path if entry)
    own = [path for path in found if (path / "spec" / "loading.py").exists()]
    others = [path for path in found if path not in own and path != Path.cwd()]
    return [loading.ROOT.parent, *others]
