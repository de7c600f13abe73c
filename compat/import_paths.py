"""The names under which published submissions import: the official package, its older name, and the
places where their own files once were. One import hook leads each to the module that it means.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from compat import algoperf, recognition
from harness import submission
from harness.submission import Source

# Packages that are imported for their types alone, or never used, where they are not installed.
_STAND_INS = ("chex", "jraph")
# Top-level names that mean the submission's own files although a package is called so.
_OWN_ROOTS = frozenset({"submissions"})


class _Alias(Loader):
    """Loads a module by another name: there is one module a file, whatever it is called."""

    def __init__(self, meant: str):
        self._meant = meant

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(self._meant)


class _EmptyPackage(Loader):
    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        pass


class Finder(MetaPathFinder):
    """Finds modules by the names that a submission uses.

    Attributes:
      meant: the module to load, by the name that is imported.
      empty: packages that only lead to others.
    """

    def __init__(self, meant: dict[str, str], empty: set[str]):
        self.meant = meant
        self.empty = empty

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if (package := _official_package(fullname)) is not None:
            rest = fullname.removeprefix(package)
            _check_provided(rest.removeprefix("."))
            meant = algoperf.__name__ + rest
            return None if meant == fullname else ModuleSpec(fullname, _Alias(meant))
        if fullname in self.meant:
            return ModuleSpec(fullname, _Alias(self.meant[fullname]), is_package=True)
        if fullname in self.empty:
            return ModuleSpec(fullname, _EmptyPackage(), is_package=True)
        return None


def _official_package(name: str) -> str | None:
    """Which package that is here the official one a name is of or in; None for others."""
    packages = (*recognition.OFFICIAL_PACKAGES, algoperf.__name__)
    return next((p for p in packages if name == p or name.startswith(f"{p}.")), None)


def _check_provided(name: str) -> None:
    """Raises a ModuleNotFoundError if the official package has no such module here."""
    folder = Path(algoperf.__path__[0])
    provided = sorted(path.stem for path in folder.glob("[!_]*.py") if "_test" not in path.stem)
    if name and name not in provided:
        # An error that named its module would be taken for an attribute that is missing.
        raise ModuleNotFoundError(
            f"algoperf.{name} is not provided, only {', '.join(provided)}: "
            "see docs/published_submissions.md"
        )


def install(source: Source) -> None:
    """Makes the names that a submission's files import lead where they should."""
    imported = recognition.imports_of(list(source.files))
    own = own_modules(imported, source.folder)
    package = submission.package_name(source)
    meant = {name: f"{package}.{relative}" for name, relative in own.items()}
    meant |= {name: f"compat.stand_ins.{name}" for name in _STAND_INS if not _is_installed(name)}
    sys.meta_path.insert(0, Finder(meant, set(_packages_above(own)) - own.keys() - _OWN_ROOTS))


def own_modules(imported: Iterable[str], folder: Path) -> dict[str, str]:
    """Which of the imported names mean modules of the submission's folder, and which modules, as
    dotted paths in it.

    A name is taken as it is, or from behind the folder's name on, or as far as its end is a file in
    the folder or deeper in it, for folders have been renamed and moved, and their parts have been
    roots of their own.
    """
    own: dict[str, str] = {}
    places = _places(folder)
    for name in sorted(imported, key=lambda name: name.count(".")):
        owner, _, _ = name.rpartition(".")
        if owner in own and not _directory(folder, own[owner]).is_dir():
            continue  # something in that file
        candidates = _candidates(name, folder.name, places)
        relative = next((p for p in candidates if _is_module(folder, p)), None)
        if relative:
            own[name] = relative
    return own


def _places(folder: Path) -> list[str]:
    """The dotted paths, each with a dot at its end, of a folder and all in it, the highest first."""
    files = [file.relative_to(folder) for file in submission.own_files(folder)]
    places = {above.parts for file in files for above in file.parents}
    return ["".join(f"{part}." for part in parts) for parts in sorted(places, key=_by_depth)]


def _by_depth(parts: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    return len(parts), parts


def _candidates(name: str, folder_name: str, places: list[str]) -> Iterable[str]:
    """The dotted paths in the folder that a name may mean, likeliest first."""
    parts = name.split(".")
    if parts[0] in sys.stdlib_module_names or parts[0] in recognition.OFFICIAL_PACKAGES:
        return
    yield name
    if parts[0] not in _OWN_ROOTS and _is_installed(parts[0]):
        return
    if folder_name in parts:
        behind = len(parts) - parts[::-1].index(folder_name)
        yield ".".join(parts[behind:])
    for start in range(len(parts)):
        yield from (place + ".".join(parts[start:]) for place in places)


def _is_module(folder: Path, relative: str) -> bool:
    path = _directory(folder, relative)
    return bool(relative) and (path.is_dir() or path.with_suffix(".py").is_file())


def _directory(folder: Path, relative: str) -> Path:
    return folder.joinpath(*relative.split("."))


def _packages_above(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:length]) for length in range(1, len(parts)))


def _is_installed(top: str) -> bool:
    return importlib.util.find_spec(top) is not None
