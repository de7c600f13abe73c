"""Makes the virtual environment of a lock file, once, and prints the path of its interpreter.

    python make_venv.py LOCK FOLDER

The environment lies in FOLDER under a name derived from the lock's text and the interpreter, so a
changed lock makes a new one. Standard library only: this runs before anything is installed.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence

# pip reports a missing build of torch like any missing package; most users of other machines will
# meet exactly this one.
_TORCH_HINT = """
The lock pins PyTorch's CPU build, which PyTorch serves from an index of its own and PyPI does not
have. Name that index (or a folder with the wheel) to pip, then run the same command again:
  PIP_EXTRA_INDEX_URL=...  the CPU index that pytorch.org names under "Get Started"
  PIP_FIND_LINKS=FOLDER    a folder that holds the wheel
"""


def venv_name(lock_text: str) -> str:
    """A name that differs when the lock or the interpreter does."""
    identity = "\n".join([sys.version, sys.base_prefix, lock_text])
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def make_venv(lock: pathlib.Path, path: pathlib.Path) -> None:
    """Installs exactly what `lock` lists, verifying hashes, and compiles it to bytecode."""
    print(f"Installing {lock.name} into {path}: takes a minute or two, once.", file=sys.stderr)
    venv.create(path, with_pip=True)
    python = path / "bin" / "python"
    install = subprocess.run(
        [
            *(python, "-m", "pip", "install", "-qq", "--no-deps", "--no-compile"),
            *("--require-hashes", "--only-binary=:all:", "-r", lock),
        ],
        stdout=sys.stderr,
        stderr=subprocess.PIPE,
        text=True,
    )
    sys.stderr.write(install.stderr)
    if install.returncode != 0:
        no_torch = "No matching distribution found for torch" in install.stderr
        sys.exit(_TORCH_HINT if no_torch else f"pip failed to install {lock}")
    # Sandboxed tests cannot write bytecode into the environment, so it must be there; that of the
    # packages' own tests need not. Files that Python 3.11 cannot compile (templates, code for newer
    # versions) fail here and matter to nobody.
    subprocess.run(
        [python, "-m", "compileall", "-qq", "-j", "0", "-x", "/tests?/", path / "lib"],
        stdout=sys.stderr,
        check=False,
    )


def main(arguments: Sequence[str]) -> None:
    lock, folder = (pathlib.Path(argument).absolute() for argument in arguments)
    path = folder / venv_name(lock.read_text())
    complete = path / "complete"
    folder.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # Other checkouts may share the folder.
        if not complete.exists():
            shutil.rmtree(path, ignore_errors=True)
            make_venv(lock, path)
            complete.touch()
    print(os.fspath(path / "bin" / "python"))


if __name__ == "__main__":
    main(sys.argv[1:])
