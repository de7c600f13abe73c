"""The command that writes a new submission: another one's files under a new name, and a test."""

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import submission
from spec import loading
from spec.command_line import USAGE_ERROR, OneLineParser
from spec.submission_pb2 import SubmissionManifest
from spec.user_paths import user_path

DEFAULT = "heavy_ball"  # the shortest
TEST = "submission_test.py"
_TEST_TEXT = '''\
"""{name}: both sides are the same algorithm, and each of them trains."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def tandem(*arguments: object) -> None:
    environment = {{**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
    command = [sys.executable, "-m", "cli.main", *map(str, arguments)]
    subprocess.run(command, check=True, env=environment)


def test_both_sides_are_the_same_algorithm() -> None:
    tandem("port", FOLDER, "--dtype", "float64", "--steps", 60)


@pytest.mark.parametrize("backend", ["jax", "pytorch"])
def test_it_trains(backend: str, tmp_path: Path) -> None:
    options = ["--workload", "tiny/mnist", "--max-steps", 20, "--out", tmp_path / "run"]
    tandem("run", "--backend", backend, "--submission", FOLDER, *options)
'''


def main(argv: Sequence[str]) -> int:
    """Writes a submission that runs in both frameworks, to be changed into one's own."""
    parser = OneLineParser(prog="tandem new-submission", description=main.__doc__)
    parser.add_argument("name", metavar="NAME", help="folder to make; its last part is the name")
    parser.add_argument(
        "--from",
        dest="origin",
        default=DEFAULT,
        metavar="S",
        help=f"submission of this repository to begin with (default: {DEFAULT})",
    )
    chosen = parser.parse_args(argv)
    folder = user_path(chosen.name)
    loading.one_of(chosen.origin, submission.names(), "submission")
    if complaint := _complaint(folder):
        print(f"error: {complaint}", file=sys.stderr)
        return USAGE_ERROR
    write(folder, chosen.origin)
    print(f"{folder} is {chosen.origin} under a new name. Next:")
    print(f"  tandem run --backend jax --submission {chosen.name} --workload tiny/mnist")
    print(f"  tandem port {chosen.name}")
    print(f"  pytest {chosen.name}")
    return 0


def _complaint(folder: Path) -> str:
    """Why no submission can be made there; empty if one can."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", folder.name):
        return f"{folder.name!r} is no name: expected small letters, digits and _, a letter first"
    if folder.name in submission.names():
        return f"there is a submission {folder.name} already; give another name"
    if folder.exists():
        return f"{folder} exists; give another name, or move it away"
    return ""


def write(folder: Path, origin: str) -> None:
    """Writes the folder, at once and whole."""
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        for name, text in files(folder, origin):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text, encoding="utf-8")
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def files(folder: Path, origin: str) -> Iterator[tuple[str, str]]:
    """(path in the folder, text) of everything that a new submission consists of."""
    source = submission.ROOT / origin
    package = f"submissions.{folder.name}" if folder.parent == submission.ROOT else ""
    for path in submission.own_files(source):
        if path.name.endswith("_test.py"):
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            text = with_own_imports(text, origin, package)
        elif path.name == submission.MANIFEST:
            text = _manifest(path, text, folder.name)
        elif path.name == "README.md":
            text = f"# {folder.name}\n\nMade from `{origin}`, which this described:\n\n{text}"
        yield path.relative_to(source).as_posix(), text
    yield TEST, _TEST_TEXT.format(name=folder.name)


def with_own_imports(text: str, origin: str, package: str) -> str:
    """The text of a module with its imports from the folder it comes from turned to its new one,
    whose package is given, empty for one that is imported by its path.
    """
    text = re.sub(rf"^from submissions\.{origin}\.", f"from {package}.", text, flags=re.M)
    return re.sub(
        rf"^from submissions\.{origin} import", f"from {package or '.'} import", text, flags=re.M
    )


def _manifest(path: Path, text: str, name: str) -> str:
    old = loading.read_message(path, SubmissionManifest)
    return text.replace(f'name: "{old.name}"', f'name: "{name}"', 1)
