"""Small sets of labelled images: all of them in memory, as two arrays for training and two for the
test. Training files hold the training split, then the validation split.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from inputs import storage
from inputs.storage import Part, unprepared
from spec.loading import SpecError
from spec.workload_pb2 import Workload

# File -> its examples: images uint8 [N, H, W, C], labels uint8 [N].
Examples = Mapping[str, tuple[np.ndarray, np.ndarray]]


class LabelledImages:
    """Pixels and labels of the splits of a workload, out of the prepared files of data set `name`."""

    def __init__(self, name: str, workload: Workload):
        folder = storage.data_folder(name)
        splits, digest = workload.splits, hashlib.sha256()
        arrays = {}
        for file, size in (("train", splits.train + splits.validation), ("test", splits.test)):
            for kind in ("images", "labels"):
                path = _path(folder, file, kind)
                try:
                    array = np.load(path, allow_pickle=False)
                except FileNotFoundError:
                    raise unprepared(name, f"{path.name} is missing") from None
                except (OSError, ValueError) as error:
                    raise SpecError(f"{path}: {error}; delete it and prepare again") from error
                if len(array) != size:
                    raise SpecError(
                        f"{path}: {len(array):,} examples, workload {workload.name} expects {size:,}"
                    )
                digest.update(array.tobytes())
                arrays[file, kind] = array
        self.sha256 = digest.hexdigest()
        self._arrays = arrays
        self._places = {
            "train": ("train", 0, splits.train),
            "validation": ("train", splits.train, splits.validation),
            "test": ("test", 0, splits.test),
        }

    def num_examples(self, split: str) -> int:
        return self._places[split][2]

    def at(self, split: str, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 [B, H, W, C] and labels int32 [B]."""
        file, start, _ = self._places[split]
        rows = start + indices
        return self._arrays[file, "images"][rows], self._arrays[file, "labels"][rows].astype(
            np.int32
        )


def write(folder: Path, examples: Examples) -> None:
    """Writes the files that `LabelledImages` reads."""
    for file, arrays in examples.items():
        for kind, array in zip(("images", "labels"), arrays, strict=True):
            storage.write_array(_path(folder, file, kind), array)
        storage.progress(f"{file}: {len(arrays[1]):,} examples")


def check(folder: Path, workload: Workload) -> list[Part]:
    """The state of each file."""
    splits = workload.splits
    parts = []
    for file, expected in (("train", splits.train + splits.validation), ("test", splits.test)):
        for kind in ("images", "labels"):
            path = _path(folder, file, kind)
            try:
                count = len(np.load(path, mmap_mode="r", allow_pickle=False))
            except FileNotFoundError:
                parts.append(Part(path.name, "missing", 0, expected, 0))
            except (OSError, ValueError) as error:
                parts.append(Part(path.name, "partial", 0, expected, 0, str(error)))
            else:
                state = "ready" if count == expected else "partial"
                size = path.stat().st_size
                parts.append(Part(path.name, state, count, expected, size))
    return parts


def check_labels(path: Path, labels: np.ndarray, num_classes: int) -> None:
    """Raises SpecError where a label of the file `path` is none of 0 .. num_classes - 1."""
    wrong = np.flatnonzero(labels >= num_classes)
    if len(wrong):
        raise SpecError(
            f"{path}: label of example {wrong[0]} (from 0) is {labels[wrong[0]]}, "
            f"expected 0 to {num_classes - 1}"
        )


def _path(folder: Path, file: str, kind: str) -> Path:
    return folder / f"{file}_{kind}.npy"
