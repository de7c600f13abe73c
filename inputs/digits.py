"""Source `digits`: 1,797 handwritten digits of 8x8 pixels that scikit-learn ships as a file."""

import gzip
import hashlib
import importlib.util
import itertools
from pathlib import Path

import numpy as np

from inputs.pipeline import Batch
from spec import rng
from spec.loading import SpecError
from spec.workload_pb2 import Workload


def open_source(workload: Workload) -> "Digits":
    return Digits(workload)


class Digits:
    """Images float32 [B, 8, 8, 1] in [0, 1] under `inputs`, classes int32 [B] under `targets`."""

    def __init__(self, workload: Workload):
        options = workload.dataset.digits
        data = gzip.decompress(_packaged_file().read_bytes())
        self.sha256 = hashlib.sha256(data).hexdigest()
        if self.sha256 != options.sha256:
            raise SpecError(
                f"the installed scikit-learn ships another digits file: SHA-256 {self.sha256}, "
                f"workload {workload.name} expects {options.sha256}"
            )
        table = np.loadtxt(data.decode().splitlines(), delimiter=",", dtype=np.int32)
        table = table[rng.permutation(rng.key(0, "split", "digits"), len(table))]
        self._images = (table[:, :-1] / np.float32(16)).astype(np.float32).reshape(-1, 8, 8, 1)
        self._labels = table[:, -1]
        splits = workload.splits
        starts = np.cumsum([0, splits.train, splits.validation, splits.test])
        if starts[-1] > len(table):
            raise SpecError(
                f"workload {workload.name}: splits train, validation and test have {starts[-1]} "
                f"examples, expected at most {len(table)}, which is all digits there are"
            )
        self._bounds = dict(
            zip(("train", "validation", "test"), itertools.pairwise(starts), strict=True)
        )
        self._max_shift = options.max_shift
        self.noise_size = 2 if options.max_shift else 0

    def num_examples(self, split: str) -> int:
        start, stop = self._bounds[split]
        return int(stop - start)

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        rows = self._bounds[split][0] + indices
        images = self._images[rows]
        if noise is not None:
            offsets = (noise * (2 * self._max_shift + 1)).astype(np.int64)
            images = shifted(images, offsets, self._max_shift)
        return {"inputs": images, "targets": self._labels[rows]}


def shifted(images: np.ndarray, offsets: np.ndarray, max_shift: int) -> np.ndarray:
    """The images [B, H, W, C] moved by (max_shift - offsets) pixels along (H, W); vacated pixels
    are 0.

    `offsets` is int [B, 2] in 0 .. 2 max_shift.
    """
    height, width = images.shape[1:3]
    margin = (max_shift, max_shift)
    framed = np.pad(images, ((0, 0), margin, margin, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, (height, width), axis=(1, 2))
    chosen = windows[np.arange(len(images)), offsets[:, 0], offsets[:, 1]]  # [B, C, H, W]
    return np.ascontiguousarray(np.moveaxis(chosen, 1, -1))


def _packaged_file() -> Path:
    """Path of the data file inside the installed scikit-learn, found without importing it."""
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise SpecError("the digits come with scikit-learn, which is not installed")
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
