"""Data set `cifar10`: 60,000 colour images of 32x32 pixels in ten classes.

Published: the binary version, `cifar-10-binary.tar.gz` or the folder in it, `cifar-10-batches-bin`,
with `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`. An example is one byte of label,
then 1,024 bytes each of red, green and blue, row by row.
"""

import tarfile
import zlib
from pathlib import Path

import numpy as np

from inputs import labelled_images
from inputs.digits import shifted
from inputs.labelled_images import LabelledImages
from inputs.pipeline import Batch
from inputs.storage import Part
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload

NAME = "cifar10"
SIDE, CHANNELS, NUM_CLASSES = 32, 3, 10
RECORD = 1 + CHANNELS * SIDE * SIDE  # bytes of an example
ARCHIVE, FOLDER = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"
_FILES = {
    "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["test_batch.bin"],
}


def open_source(workload: Workload) -> "Cifar10":
    return Cifar10(workload)


class Cifar10:
    """Images float32 [B, 32, 32, 3], normalised, under `inputs`, classes int32 [B] under `targets`.

    Training images get a margin of black, are cropped to their size at random, and every other one
    is mirrored.
    """

    noise_size = 3  # row and column of the crop, mirrored or not

    def __init__(self, workload: Workload):
        options = workload.dataset.cifar10
        self._images = LabelledImages(NAME, workload)
        self._margin = options.margin
        self._mean = np.array(options.mean, np.float32)
        self._stddev = np.array(options.stddev, np.float32)
        self.sha256 = self._images.sha256
        self.num_examples = self._images.num_examples

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        images, labels = self._images.at(split, indices)
        if noise is not None:
            offsets = (noise[:, :2] * (2 * self._margin + 1)).astype(np.int64)
            images = shifted(images, offsets, self._margin)
            mirrored = noise[:, 2] < 0.5
            images[mirrored] = images[mirrored, :, ::-1]
        scaled = images.astype(np.float32) / np.float32(255)
        return {"inputs": (scaled - self._mean) / self._stddev, "targets": labels}


def prepare(raw: Path, folder: Path) -> None:
    """Makes arrays out of the binary files in `raw`, in its folder `cifar-10-batches-bin`, or in
    the archive.

    Raises:
      SpecError: a file is absent or has another size than whole examples.
    """
    examples = {}
    for file, names in _FILES.items():
        parts = [_examples(*_read(raw, name)) for name in names]
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        examples[file] = images, labels
    labelled_images.write(folder, examples)


def check(folder: Path) -> list[Part]:
    return labelled_images.check(folder, loading.load_workload("cifar"))


def _examples(path: Path, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    if not data or len(data) % RECORD:
        raise SpecError(
            f"{path}: {len(data):,} bytes, expected a multiple of {RECORD:,} (the bytes of an example)"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0]
    labelled_images.check_labels(path, labels, NUM_CLASSES)
    planes = records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE)
    return np.ascontiguousarray(np.moveaxis(planes, 1, -1)), labels.copy()


def _read(raw: Path, name: str) -> tuple[Path, bytes]:
    """Path and contents of one of the files."""
    for path in (raw / name, raw / FOLDER / name):
        if path.exists():
            return path, path.read_bytes()
    archive = raw / ARCHIVE
    if not archive.exists():
        raise SpecError(f"{raw}: expected {name}, {FOLDER}/{name} or {ARCHIVE}, there is none")
    try:
        with tarfile.open(archive) as files:
            member = files.extractfile(f"{FOLDER}/{name}")
            if member is None:
                raise KeyError
            return archive / FOLDER / name, member.read()
    except KeyError:
        raise SpecError(f"{archive}: expected {FOLDER}/{name} in it, it is not there") from None
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise SpecError(f"{archive}: the archive is damaged: {error}") from error
