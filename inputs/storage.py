"""Where data sets lie on disk, and how their state is reported.

A data set that is read from files is a module `inputs/<name>.py` that has, beside `open_source`:

* `prepare(raw: Path, folder: Path) -> None`: makes the files that `open_source` reads out of the
  files as they are published. Each file appears complete or not at all (`spec.files.writing`), and a
  repeated call goes on where the last one stopped. It tells how far it is (`progress`).
* `check(folder: Path) -> list[Part]`: what is there; never raises for what is missing.

What is wrong with a file is a SpecError that names it.
"""

import dataclasses
import os
import sys
from pathlib import Path

import numpy as np

from spec.files import writing
from spec.loading import SpecError
from spec.user_paths import user_path

VARIABLE = "TANDEM_DATA"


@dataclasses.dataclass(frozen=True)
class Part:
    """A file, or a group of files, of a prepared data set."""

    name: str
    state: str  # "ready", "partial" or "missing"
    count: int  # examples that are there
    expected: int  # examples that there should be; 0 where that is not known
    num_bytes: int  # on disk
    detail: str = ""  # what is wrong, and where
    ready_bytes: int = 0  # on disk when it is ready; 0 where that is not known


def data_folder(name: str) -> Path:
    """Where the prepared files of data set `name` are looked for: below $TANDEM_DATA, or else below
    ~/tandem_data.
    """
    return user_path(os.environ.get(VARIABLE) or "~/tandem_data") / name


def use_parent(parent: str) -> None:
    """Looks for all data sets below `parent`, a path that a user gave, from now on; processes that
    this one starts do too.
    """
    os.environ[VARIABLE] = str(user_path(parent).absolute())


def unprepared(name: str, problem: str) -> SpecError:
    """The error of a reader that does not find its files; `problem` says what it misses."""
    return SpecError(
        f"data set {name} is not prepared in {data_folder(name)}: {problem}; "
        f"`tandem data prepare {name} --raw DIR` makes it, `tandem data check {name}` says more"
    )


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes an .npy file, complete or not at all."""
    with writing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def progress(text: str) -> None:
    """Says on standard error, in a line, how far a preparation is."""
    print(text, file=sys.stderr, flush=True)
