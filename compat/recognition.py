"""Which files are published submissions, read from their text: nothing is executed."""

import ast
from pathlib import Path

from harness.errors import UsageError
from harness.submission import MANIFEST, OFFICIAL_MODULE, OFFICIAL_SEARCH_SPACE

OFFICIAL_PACKAGES = frozenset({"algoperf", "algorithmic_efficiency"})  # now, and until v0.5
_FRAMEWORKS = {"jax": "jax", "torch": "pytorch"}


def published_module(path: Path) -> Path | None:
    """The Python file of a published submission: one that imports the official package, given by its
    path or by that of a folder with a `submission.py` and no manifest. None if it is none.

    Raises:
      UsageError: the file is no Python.
    """
    if path.is_dir() and not (path / MANIFEST).exists():
        path = path / OFFICIAL_MODULE
    if path.suffix != ".py" or not path.is_file():
        return None
    is_official = OFFICIAL_PACKAGES & _top_names(_parse(path))
    return path.resolve() if is_official else None


def framework(module: Path) -> str | None:
    """`jax` or `pytorch`, the one whose library the file imports; None if that does not tell."""
    tree = _parse(module)
    names = imported_names(tree)
    if any(name.endswith("pytorch_utils") for name in names):
        return "pytorch"  # such a file may use JAX's functions on trees
    found = {_FRAMEWORKS[top] for top in _top_names(tree) & _FRAMEWORKS.keys()}
    return found.pop() if len(found) == 1 else None


def uses_pmap(module: Path) -> bool:
    """Whether the file's code maps a step over devices, as was the way until v0.5."""
    nodes = list(ast.walk(_parse(module)))
    named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    named |= {node.id for node in nodes if isinstance(node, ast.Name)}
    return "pmap" in named


def has_search_space(module: Path) -> bool:
    return (module.parent / OFFICIAL_SEARCH_SPACE).is_file()


def imported_names(tree: ast.Module) -> set[str]:
    """Dotted names that a file imports absolutely, anywhere; `from a import b` gives `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imports_of(files: list[Path]) -> set[str]:
    """`imported_names` of all Python files among `files`."""
    python = [file for file in files if file.suffix == ".py"]
    return set().union(*(imported_names(_parse(file)) for file in python))


def _top_names(tree: ast.Module) -> set[str]:
    return {name.partition(".")[0] for name in imported_names(tree)}


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""  # a null byte has none
        raise UsageError(f"{path}{line}: {error.msg}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
