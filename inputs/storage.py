"""Where data sets lie on disk, and how their state is reported.

A data set that is read from files is a module `inputs/<name>.py` that has, beside `open_source`:

* `prepare(raw: Path, folder: Path) -> None`: makes the files that `open_source` reads out of the
  files as they are published. Each file appears complete or not at all (`spec.files.writing`), and a repeated
  call goes on where the last one stopped.
* `check(folder: Path) -> list[Part]`: what is there; never raises for what is missing.
"""

import dataclasses
import os
from pathlib import Path

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


def data_folder(name: str) -> Path:
    """Where the prepared files of data set `name` are looked for: below $TANDEM_DATA, or else below
    ~/tandem_data.
    """
    return user_path(os.environ.get(VARIABLE) or "~/tandem_data") / name
