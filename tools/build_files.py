"""Holds the BUILD files against the Python files: who owns a file, and are its imports declared?

Bazel's sandbox cannot find these mistakes: every distribution of the lock can be imported by every
test, and a test file that no BUILD file mentions is silently never run.
"""

import ast
import builtins
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tools import imports

_OWNING_RULES = ("exports_files", "py_binary", "py_library", "py_proto_library", "pytest_test")
_IMPLICIT_DEPS = {
    "py_proto_library": ("@pypi//protobuf",),
    "pytest_test": ("@pypi//hypothesis", "@pypi//pytest"),
}


class Target(NamedTuple):
    """A rule of a BUILD file that owns Python files."""

    label: str  # //package:name
    rule: str
    files: frozenset[str]  # paths from the root
    deps: frozenset[str]  # absolute labels


def absolute_label(label: str, package: str) -> str:
    """`:x` and `//a/b` written in full; labels of other repositories stay as they are."""
    if label.startswith("@"):
        return label
    if not label.startswith("//"):
        return f"//{package}:{label.removeprefix(':')}"
    return label if ":" in label else f"{label}:{label.rsplit('/', 1)[-1]}"


def read_calls(root: pathlib.Path, package: str) -> list[tuple[str, dict[str, Any]]]:
    """Runs a BUILD file, whose language is a subset of Python, and notes which rules it calls."""
    folder = root / package
    calls: list[tuple[str, dict[str, Any]]] = []

    def glob(include: Sequence[str], exclude: Sequence[str] = ()) -> list[str]:
        paths = {path for pattern in include for path in folder.glob(pattern)}
        paths -= {path for pattern in exclude for path in folder.glob(pattern)}
        relative = [path.relative_to(folder) for path in paths]
        own = [path for path in relative if not _in_subpackage(folder, path)]
        return sorted(path.as_posix() for path in own)

    def recorder(rule: str) -> Any:
        def record(*args: Any, **attrs: Any) -> None:
            calls.append((rule, {"srcs": args[0], **attrs} if args else attrs))

        return record

    tree = ast.parse((folder / "BUILD").read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    scope = {name: recorder(name) for name in names if not hasattr(builtins, name)}
    exec(compile(tree, f"{package}/BUILD", "exec"), scope | {"glob": glob})
    return calls


def _in_subpackage(folder: pathlib.Path, path: pathlib.Path) -> bool:
    """Whether a folder on the way to `path` has a BUILD file of its own; glob stops there."""
    return any((folder / parent / "BUILD").exists() for parent in list(path.parents)[:-1])


def read_targets(root: pathlib.Path, package: str) -> Iterator[Target]:
    """The targets of a package that own Python files."""
    calls = read_calls(root, package)
    named = {attrs["name"]: attrs for _, attrs in calls if "name" in attrs}
    for rule, attrs in calls:
        if rule not in _OWNING_RULES:
            continue
        if rule == "py_proto_library":
            protos = named[attrs["protos"].removeprefix(":")]["srcs"]
            sources = [proto.removesuffix(".proto") + "_pb2.py" for proto in protos]
        elif rule == "pytest_test":
            sources = attrs.get("srcs") or [attrs["name"] + ".py"]
        else:
            sources = attrs.get("srcs", [])
        deps = [absolute_label(dep, package) for dep in attrs.get("deps", [])]
        prefix = f"{package}/" if package else ""
        yield Target(
            label=f"//{package}:{attrs.get('name', 'BUILD')}",
            rule=rule,
            files=frozenset(prefix + source for source in sources),
            deps=frozenset([*deps, *_IMPLICIT_DEPS.get(rule, ())]),
        )


def check(root: pathlib.Path, distributions: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Describes every file without an owner and every import that is not declared.

    Args:
      root: the repository.
      distributions: for each importable top-level name the distributions that provide it.
    """
    paths = imports.working_files(root)
    files = [path for path in paths if path.endswith(".py")]
    packages = [pathlib.PurePosixPath(path).parent for path in paths if _is_build_file(path)]
    targets = [
        target
        for package in packages
        for target in read_targets(root, package.as_posix().removeprefix("."))
    ]
    owners = {file: [target for target in targets if file in target.files] for file in files}

    for file in files:
        if not owners[file]:
            yield f"{file}: in no target's srcs; add it to the BUILD file"
        elif file.endswith("_test.py") and all(t.rule != "pytest_test" for t in owners[file]):
            yield f"{file}: no pytest_test runs it"
        for target in owners[file]:
            # The main file of a program may be part of a library that the program depends on.
            in_library = any(owner.label in target.deps for owner in owners[file])
            if target.rule != "exports_files" and not in_library:
                yield from _undeclared(root, file, target, owners, distributions)


def _is_build_file(path: str) -> bool:
    return pathlib.PurePosixPath(path).name == "BUILD"


def _undeclared(
    root: pathlib.Path,
    file: str,
    target: Target,
    owners: Mapping[str, Sequence[Target]],
    distributions: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    """Describes what `file` imports although `target` does not depend on it."""
    for name in sorted(set(imports.imported_names((root / file).read_text()))):
        imported = imports.own_file(name, owners)
        if imported:
            labels = {owner.label for owner in owners[imported] if imported not in target.files}
        elif imports.is_third_party(name):
            top = name.split(".")[0]
            labels = {f"@pypi//{_label_name(d)}" for d in distributions.get(top, [top])}
        else:
            continue
        if labels and labels.isdisjoint(target.deps):
            missing = " or ".join(sorted(labels))
            yield f"{file}: imports {name}; {target.label} needs {missing} in deps"


def _label_name(distribution: str) -> str:
    return distribution.lower().replace("-", "_").replace(".", "_")
