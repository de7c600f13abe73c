"""Which modules the repository's Python files import, read from their text without running them."""

import ast
import os
import pathlib
import sys
from collections.abc import Collection, Iterator

_SKIPPED_FOLDERS = ("bazel-", ".", "runs", "testdata", "__pycache__")


def working_files(root: pathlib.Path) -> list[str]:
    """Sorted relative paths of the files below `root`, without output, test data and hidden folders."""
    found = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(_SKIPPED_FOLDERS)]
        here = pathlib.Path(folder).relative_to(root)
        found += [(here / name).as_posix() for name in files]
    return sorted(found)


def imported_names(source: str) -> Iterator[str]:
    """Dotted names that `source` imports anywhere, also inside functions.

    `from a import b` yields `a.b`: whether b is a module or an attribute is `own_file`'s to find.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"line {node.lineno}: relative import; name the module in full")
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_file(name: str, files: Collection[str]) -> str | None:
    """The file of `files` that the dotted name is in, or None when it is not of this repository."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        stem = "/".join(parts[:length])
        for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
            if candidate in files:
                return candidate
    return None


def is_third_party(name: str) -> bool:
    """Whether a dotted name that is not ours must come from an installed distribution."""
    return name.split(".")[0] not in sys.stdlib_module_names
