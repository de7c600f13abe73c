"""Submissions: where they are, whether they have the agreed functions, and how those are called.

What is agreed stands in the service of spec/submission.proto; its descriptor is read here.
"""

import dataclasses
import functools
import hashlib
import importlib.util
import inspect
import numbers
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from harness import events
from harness.errors import SubmissionError, UsageError, printable
from spec import loading, submission_pb2
from spec.interface import TrainingCompleteError
from spec.submission_pb2 import Framework, SubmissionManifest
from spec.workload_pb2 import Workload

ROOT = loading.ROOT.parent / "submissions"
MANIFEST = "manifest.textproto"
OFFICIAL_MODULE = "submission.py"  # what published submissions call their file
OFFICIAL_SEARCH_SPACE = "tuning_search_space.json"  # ... and the file beside it
METHODS = submission_pb2.DESCRIPTOR.services_by_name["Submission"].methods
_TRAIN_STATE = "train_state"
_LARGEST_BATCH = 2**31


@dataclasses.dataclass(frozen=True)
class Source:
    """A submission on disk.

    Attributes:
      manifest: read from the folder, or made up for a single file.
      folder: where its files are.
      module: the file with the functions for one framework, in that folder.
      files: all its files, sorted; see `own_files`.
    """

    manifest: SubmissionManifest
    folder: Path
    module: Path
    files: tuple[Path, ...]

    def sha256(self) -> str:
        """SHA-256 over name, length and bytes of every file, as hex digits."""
        return sha256(self.folder, self.files)

    def search_space(self) -> Path | None:
        """The file that the manifest names, if it names one."""
        return self.folder / self.manifest.search_space if self.manifest.search_space else None


def sha256(folder: Path, files: Iterable[Path]) -> str:
    """SHA-256 over name in `folder`, length and bytes of every file, as hex digits."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        name = os.fsencode(file.relative_to(folder).as_posix())
        digest.update(name + f"\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def names() -> list[str]:
    """Names of the submissions of this repository."""
    return sorted(path.parent.name for path in ROOT.glob(f"*/{MANIFEST}"))


def find(name: str, path: Path, framework: Framework) -> Source:
    """Finds a submission by its name in submissions/, or by the path of a folder or Python file.

    Raises:
      UsageError: there is none, its manifest is malformed, or it is not written for the framework.
    """
    if name in names():
        return _folder_source(ROOT / name, framework)
    if path.is_dir() and (path / OFFICIAL_MODULE).is_file() and not (path / MANIFEST).exists():
        path = path / OFFICIAL_MODULE
    if path.is_dir():
        return _folder_source(path.resolve(), framework)
    if path.suffix == ".py" and path.is_file():
        return _file_source(path.resolve(), framework)
    raise UsageError(
        f"unknown submission {name!r}. Valid: {', '.join(names())}, or the path of a folder with "
        f"{MANIFEST}, or of a Python file"
    )


def _folder_source(folder: Path, framework: Framework) -> Source:
    try:
        manifest = loading.read_message(folder / MANIFEST, SubmissionManifest)
        loading.checked(manifest, folder / MANIFEST)
    except loading.SpecError as error:
        raise UsageError(str(error)) from error
    if manifest.name != folder.name:
        raise UsageError(
            f"{folder / MANIFEST}: name is {manifest.name!r}, expected {folder.name!r}, "
            "as the folder is called"
        )
    if framework not in manifest.frameworks:
        known = ", ".join(Framework.Name(f).lower() for f in manifest.frameworks)
        wanted = Framework.Name(framework).lower()
        raise UsageError(f"submission {manifest.name} is not written for {wanted}. Valid: {known}")
    module = folder / f"submission_{Framework.Name(framework).lower()}.py"
    if not module.is_file():
        raise UsageError(
            f"submission {manifest.name} lacks {module.name}, which its manifest promises"
        )
    return Source(manifest, folder, module, tuple(own_files(folder)))


def own_files(folder: Path) -> Iterator[Path]:
    """All files in a folder, sorted, but for hidden ones, caches, and run folders, which `--out` may
    have put there.

    Raises:
      UsageError: it holds a link to a folder, whose files would be importable and not among these, or
        what is no file at all.
    """
    for place, subfolders, names in os.walk(folder):
        here = Path(place)
        visible = [
            here / name for name in sorted(subfolders) if not name.startswith((".", "__pycache__"))
        ]
        for link in filter(Path.is_symlink, visible):
            raise UsageError(f"{link} is a link to a folder; a submission's files lie in its own")
        subfolders[:] = [sub.name for sub in visible if not (sub / events.FILE).exists()]
        yield from _regular(here / name for name in sorted(names) if not name.startswith("."))


def _regular(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} is no regular file, as all of a submission's are")
        yield path


def _file_source(module: Path, framework: Framework) -> Source:
    """A single file, with the Python files beside it, which it may import; if it is called as
    published ones are, with all its folder, and named as that.
    """
    folder, is_official = module.parent, module.name == OFFICIAL_MODULE
    manifest = SubmissionManifest(
        name=folder.name if is_official else module.stem,
        title=module.name,
        frameworks=[framework],
        self_tuning=True,
    )
    if (folder / OFFICIAL_SEARCH_SPACE).is_file():
        manifest.search_space = OFFICIAL_SEARCH_SPACE
    files = own_files(folder) if is_official else _regular(sorted(folder.glob("*.py")))
    return Source(manifest, folder, module, tuple(files))


class Submission:
    """The five functions. What they raise becomes a SubmissionError.

    Only a TrainingCompleteError of update_params passes as it is.

    Attributes:
      prepare_for_eval: None where the submission has no such function.
      takes_train_state: whether update_params names the argument.
    """

    def __init__(self, functions: dict[str, Callable[..., Any]]):
        def guarded(name: str, *passed: type[Exception]) -> Callable[..., Any]:
            return _guarded(name, functions[name], *passed)

        self.takes_train_state = (
            _TRAIN_STATE in inspect.signature(functions["update_params"]).parameters
        )
        self.init_optimizer_state = guarded("init_optimizer_state")
        self.data_selection = guarded("data_selection")
        self.update_params = _three(
            "update_params", guarded("update_params", TrainingCompleteError)
        )
        self.prepare_for_eval: Callable[..., Any] | None = None
        if "prepare_for_eval" in functions:
            self.prepare_for_eval = _three("prepare_for_eval", guarded("prepare_for_eval"))
        self._get_batch_size = guarded("get_batch_size", ValueError)

    def batch_size(self, workload: Workload, num_devices: int) -> int:
        """The global batch size; a variant that the submission does not know gets that of its base.

        Raises:
          SubmissionError: it knows neither, or the size is no multiple of the number of devices.
        """
        size = chosen_batch_size(self._get_batch_size, workload)
        is_number = isinstance(size, numbers.Integral) and not isinstance(size, bool)
        if not is_number or not 1 <= size <= _LARGEST_BATCH or int(size) % num_devices:
            raise SubmissionError(
                f"get_batch_size({workload.name!r}) is {size!r}, expected a positive multiple of "
                f"{num_devices}, the number of devices"
            )
        return int(size)


def chosen_batch_size(get_batch_size: Callable[[str], Any], workload: Workload) -> Any:
    """What the submission's function answers for a workload, or for its base where it does not know
    the variant.

    Raises:
      SubmissionError: it knows neither.
    """
    candidates = [workload.name, workload.base] if workload.base else [workload.name]
    for name in candidates:
        try:
            return get_batch_size(name)
        except ValueError:
            continue
    raise SubmissionError(f"get_batch_size knows no workload {' or '.join(candidates)}")


def function_names() -> list[str]:
    """The functions that a submission may have."""
    return [method.name for method in METHODS]


def load(source: Source) -> Submission:
    """Imports a submission's module; raises what `functions` does."""
    return Submission(functions(source))


def functions(source: Source) -> dict[str, Callable[..., Any]]:
    """Imports a submission's module; returns its functions by the name of the service's method.

    Raises:
      SubmissionError: the import fails, or functions are missing or cannot be called as agreed.
    """
    module = _import(source)
    wrong: list[str] = []
    found: dict[str, Callable[..., Any]] = {}
    for method in METHODS:
        function = getattr(module, method.name, None)
        if function is not None:
            found[method.name] = function
            wrong += _disagreements(function, method)
        elif not _option(method, submission_pb2.optional_function):
            wrong.append(f"function {method.name} is missing")
    if wrong:
        raise SubmissionError(f"{source.module.name}: " + "; ".join(wrong))
    return found


def package_name(source: Source) -> str:
    """The package that a submission's folder is imported as."""
    return f"tandem_submission_{source.sha256()[:16]}"


def _import(source: Source) -> types.ModuleType:
    """Imports the file into a package of its own, so that it may import neighbours relatively."""
    package = types.ModuleType(package_name(source))
    package.__path__ = [str(source.folder)]
    sys.modules[package.__name__] = package
    name = f"{package.__name__}.{source.module.stem}"
    spec = importlib.util.spec_from_file_location(name, source.module)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        raise _raised(f"importing {source.module.name}", error) from error
    return module


def _disagreements(function: Any, method: MethodDescriptor) -> list[str]:
    """What keeps a function from being called as the method says; empty if nothing does."""
    expected = [field.name for field in method.input_type.fields]
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return [f"{method.name} is {function!r}, expected a function"]
    if _option(method, submission_pb2.keyword_call):
        if _TRAIN_STATE in expected and _TRAIN_STATE not in signature.parameters:
            expected.remove(_TRAIN_STATE)
        bind = functools.partial(signature.bind, **dict.fromkeys(expected))
        how = "keywords"
    else:
        bind = functools.partial(signature.bind, *expected)
        how = "positional arguments"
    try:
        bind()
    except TypeError as error:
        return [f"{method.name}: {error}; expected the {how} ({', '.join(expected)})"]
    return []


def _option(method: MethodDescriptor, option: Any) -> bool:
    return method.GetOptions().Extensions[option]


def _raised(what: str, error: BaseException) -> SubmissionError:
    return SubmissionError(f"{what} raised {type(error).__name__}: {printable(error)}")


def _guarded(
    name: str, function: Callable[..., Any], *passed: type[Exception]
) -> Callable[..., Any]:
    """The function, with all it raises made a SubmissionError, but for `passed`. Whether it was the
    data that failed, or a signal that came, is asked of those who know: anybody can raise anything.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except passed:
            raise
        except BaseException as error:  # sys.exit() must not pass for the end of the program
            raise _raised(name + _on_what(kwargs.get("batch", {})), error) from error

    return call


def _on_what(batch: Any) -> str:
    """A word on a batch that is unlike others: another function made it."""
    kind = type(batch).__name__
    return "" if isinstance(batch, Mapping) else f" on the {kind} that data_selection returned"


def _three(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with a check that it returns (optimizer_state, params, model_state)."""

    def call(**kwargs: Any) -> Any:
        result = function(**kwargs)
        if not isinstance(result, tuple) or len(result) != 3:
            kind = type(result).__name__
            length = f" of {len(result)}" if isinstance(result, tuple) else ""
            raise SubmissionError(
                f"{name} returned a {kind}{length}, "
                "expected a tuple (optimizer_state, params, model_state)"
            )
        return result

    return call
