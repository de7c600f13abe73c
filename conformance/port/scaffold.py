"""The command that writes the side that a submission lacks, as far as it follows from the other."""

import re
import sys
from pathlib import Path

from conformance.port.other_side import LEFT, OTHER, framework_of, scaffold
from harness import submission
from harness.errors import UsageError
from spec.command_line import USAGE_ERROR
from spec.files import write_text


def main(name: str) -> int:
    """Writes the other side of a submission, a folder or a Python file; returns the exit status."""
    try:
        path, framework = _one_side(name)
        text = scaffold(path.read_text(encoding="utf-8"), framework)
        other = path.with_name(f"{path.stem.removesuffix(f'_{framework}')}_{OTHER[framework]}.py")
        with other.open("x", encoding="utf-8") as file:
            file.write(text)
        _promise(path.parent / submission.MANIFEST, OTHER[framework])
    except SyntaxError as error:
        print(f"error: {name}, line {error.lineno}: {error.msg}", file=sys.stderr)
        return USAGE_ERROR
    except FileExistsError as error:
        print(f"error: {error.filename} exists; move it away", file=sys.stderr)
        return USAGE_ERROR
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    print(f"{other}: {text.count(LEFT)} places {LEFT}")
    return 0


def _one_side(name: str) -> tuple[Path, str]:
    """The module that there is, and its framework.

    Raises:
      UsageError: there is none, or there are two, or its imports do not tell.
    """
    path = submission.ROOT / name if name in submission.names() else Path(name)
    if path.is_dir():
        sides = [framework for framework in OTHER if (_side(path, framework)).is_file()]
        if len(sides) != 1:
            there = f"has the sides {', '.join(sides)}" if sides else "has no submission_*.py"
            raise UsageError(f"{path} {there}, expected one of them")
        return _side(path, sides[0]), sides[0]
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(f"{name} is neither a submission, nor a folder of one, nor a Python file")
    framework = framework_of(path.read_text(encoding="utf-8"))
    if framework is None:
        raise UsageError(f"{path} does not import one of JAX and PyTorch")
    return path, framework


def _side(folder: Path, framework: str) -> Path:
    return folder / f"submission_{framework}.py"


def _promise(manifest: Path, framework: str) -> None:
    """Adds a framework to a manifest, behind those that are there."""
    if not manifest.is_file():
        return
    text = manifest.read_text(encoding="utf-8")
    line = f"frameworks: {framework.upper()}\n"
    if line not in text:
        write_text(manifest, re.sub(r"((?:^frameworks:.*\n)+)", rf"\g<1>{line}", text, flags=re.M))
