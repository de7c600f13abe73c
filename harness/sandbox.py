"""Commands that run somebody else's code where it reaches nothing but one folder, by bubblewrap.

Inside there is no network; no process from outside can be seen; home, temporary files and data sets
are empty; everything else can be read, but for one folder not written; and memory is limited.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from inputs import storage
from spec import loading

PROGRAM = "bwrap"
_NAMESPACES = ("--unshare-all", "--die-with-parent", "--new-session")


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
    argv: Sequence[str], writable: Path, readable: Iterable[Path], memory_bytes: int
) -> list[str]:
    """The command that runs `argv` inside.

    Args:
      argv: program and arguments.
      writable: the one folder that can be written; also where the program starts.
      readable: what must be seen although it may lie in a hidden place, besides this Python and this
        checkout.
      memory_bytes: that each process may allocate.
    """
    hidden = [Path(tempfile.gettempdir()), Path("/tmp"), Path.home(), storage.data_folder(".")]
    hidden = [path.resolve() for path in hidden if path.is_dir()]
    python = [Path(p) for p in (sys.prefix, sys.base_prefix, *sys.path) if p]
    shown = [path.resolve() for path in [*python, loading.ROOT.parent, *readable] if path.exists()]
    over = {str(path): ["--ro-bind", str(path)] for path in shown}
    over |= {str(path): ["--tmpfs"] for path in hidden}
    mounts = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for place in sorted(over, key=lambda place: len(Path(place).parts)):  # what lies deeper decides
        mounts += [*over[place], place]
    folder = str(writable.resolve())
    mounts += ["--bind", folder, folder, "--chdir", folder]
    limit = ["prlimit", f"--data={memory_bytes}", "--core=0"]
    return [PROGRAM, *_NAMESPACES, *mounts, "--", *limit, *argv]
