"""Record files: many byte strings of various lengths, each with a class and a name, in one file.

The file holds the records one after the other, then their index as numpy's .npz, then eight bytes
that say where the index begins and eight that mark the end. A reader looks at the end first, so a
file that was cut off is not taken for a shorter one.
"""

import hashlib
import io
import itertools
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spec.files import writing

END = b"TANDEM01"


class Record(NamedTuple):
    data: bytes
    label: int
    name: str


class Index(NamedTuple):
    """Of one file, arrays [N], int64 but for the names."""

    starts: np.ndarray  # in bytes
    sizes: np.ndarray  # in bytes
    checksums: np.ndarray  # CRC-32
    labels: np.ndarray
    names: np.ndarray  # UTF-8, ascending


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Writes a file that appears when it is complete, or not at all. Records are numbered in the
    order of their names, in whatever order they come.

    Raises:
      ValueError: a name comes twice.
    """
    rows = {}
    with writing(path) as temporary, temporary.open("wb") as file:
        for data, label, name in records:
            if name.encode() in rows:
                raise ValueError(f"{path}: {name} comes twice")
            rows[name.encode()] = (file.tell(), len(data), zlib.crc32(data), label)
            file.write(data)
        start = file.tell()
        names = sorted(rows)
        columns = np.array([rows[name] for name in names], np.int64).reshape(-1, 4)
        starts, sizes, checksums, labels = columns.T
        index = Index(starts, sizes, checksums, labels, np.array(names, np.bytes_))
        packed = io.BytesIO()
        np.savez(packed, **index._asdict())
        file.write(packed.getvalue() + start.to_bytes(8, "little") + END)


def read_index(path: Path) -> Index:
    """The index of one file.

    Raises:
      ValueError: the file is not a complete record file.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 16))
        end = file.read()
        start = int.from_bytes(end[:8], "little")
        if end[8:] != END or start > size - 16:
            raise ValueError(f"{path}: not a complete record file; delete it and prepare it again")
        file.seek(start)
        packed = io.BytesIO(file.read(size - 16 - start))
    try:
        with np.load(packed, allow_pickle=False) as arrays:
            return Index(*(arrays[field] for field in Index._fields))
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: the index is damaged ({error}); prepare it again") from error


class Records:
    """The records of several files, in the files' order. No file is kept open."""

    def __init__(self, paths: Iterable[Path]):
        """Raises ValueError where a file is not a complete record file."""
        self._paths = list(paths)
        self.indices = [read_index(path) for path in self._paths]
        labels = [index.labels for index in self.indices]
        self.labels = np.concatenate([np.empty(0, np.int64), *labels])
        self._firsts = np.cumsum([0, *map(len, labels)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> Record:
        """Record `number`, 0 to N-1.

        Raises:
          ValueError: its bytes are not those that were written.
        """
        place = int(np.searchsorted(self._firsts, number, "right")) - 1
        path, index = self._paths[place], self.indices[place]
        row = number - int(self._firsts[place])
        with path.open("rb") as file:
            file.seek(index.starts[row])
            data = file.read(index.sizes[row])
        name = f"{index.names[row].decode()} in {path}"
        if zlib.crc32(data) != index.checksums[row]:
            raise ValueError(f"{name}: the bytes have changed since they were written")
        return Record(data, int(index.labels[row]), name)


def digest(parts: Iterable[Records]) -> str:
    """SHA-256 of names, classes, sizes and checksums of all records, hex digits."""
    result = hashlib.sha256()
    for index in itertools.chain.from_iterable(part.indices for part in parts):
        result.update(b"\0".join(index.names.tolist()) + b"\0\0")
        for array in (index.labels, index.sizes, index.checksums):
            result.update(array.astype("<i8").tobytes())
    return result.hexdigest()
