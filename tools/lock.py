"""Writes requirements_lock.txt: exact versions and hashes of all that pyproject.toml asks for.

    python tools/lock.py

Versions already in the lock are kept; to change that of a distribution, delete its lines from the
lock first. The lock is for the interpreter and platform that this runs
on (Python 3.11, Linux x86-64), with the builds that pip is configured to find: PyTorch's CPU build.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements_lock.txt"

_HEADER = """\
# Written by tools/lock.py from pyproject.toml, all extras. Python 3.11, Linux x86-64, CPU builds.
# To change a version, delete its lines and run `python tools/lock.py`.
"""


def normalize(name: str) -> str:
    """The comparable form of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(project: dict[str, Any]) -> list[str]:
    """What the [project] table asks for, extras included."""
    extras = project["optional-dependencies"].values()
    return project["dependencies"] + [item for extra in extras for item in extra]


def pins(lock_text: str) -> dict[str, str]:
    """Versions in a lock by normalised name."""
    found = re.findall(r"^(\S+)==(\S+)", lock_text, re.MULTILINE)
    return {normalize(name): version for name, version in found}


def resolve(wanted: list[str], constraints: list[str]) -> dict[str, Any]:
    """The installation report of pip for `wanted`, as if nothing were installed."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        constraints_file = pathlib.Path(folder, "constraints.txt")
        constraints_file.write_text("\n".join(constraints))
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"),
                *("--ignore-installed", "--only-binary=:all:"),
                *(f"--report={report}", f"--constraint={constraints_file}"),
                *wanted,
            ],
            check=True,
        )
        return json.loads(report.read_text())


def format_lock(report: dict[str, Any]) -> str:
    lines = []
    for item in report["install"]:
        name = normalize(item["metadata"]["name"])
        version = item["metadata"]["version"]
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{name}=={version} \\\n    --hash=sha256:{digest}\n")
    return _HEADER + "".join(sorted(lines))


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    kept = pins(LOCK.read_text()) if LOCK.exists() else {}
    report = resolve(requirements(project), [f"{name}=={kept[name]}" for name in sorted(kept)])
    LOCK.write_text(format_lock(report))


if __name__ == "__main__":
    main()
