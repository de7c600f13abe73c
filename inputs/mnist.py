"""Data set `mnist`: 70,000 handwritten digits of 28x28 pixels.

Published: four IDX files, gzipped or not: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and
the same for `t10k`. An IDX file is two zero bytes, 8 for unsigned bytes, the number of dimensions,
the length of each as four bytes (big-endian), then the values in row-major order.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from inputs import labelled_images
from inputs.labelled_images import LabelledImages
from inputs.pipeline import Batch
from inputs.storage import Part
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload

NAME = "mnist"
SIDE, NUM_CLASSES = 28, 10
_PREFIXES = {"train": "train", "test": "t10k"}


def open_source(workload: Workload) -> "Mnist":
    return Mnist(workload)


class Mnist:
    """Images float32 [B, 28, 28, 1] under `inputs`, digits int32 [B] under `targets`.

    As officially, pixels are not divided by 255 before the mean is taken away.
    """

    noise_size = 0

    def __init__(self, workload: Workload):
        self._images = LabelledImages(NAME, workload)
        self._options = workload.dataset.mnist
        self.sha256 = self._images.sha256
        self.num_examples = self._images.num_examples

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        images, labels = self._images.at(split, indices)
        mean, stddev = np.float32(self._options.mean), np.float32(self._options.stddev)
        return {"inputs": (images.astype(np.float32) - mean) / stddev, "targets": labels}


def prepare(raw: Path, folder: Path) -> None:
    """Makes arrays out of the IDX files in `raw`.

    Raises:
      SpecError: a file is absent or is not what its name says.
    """
    examples = {}
    for file, prefix in _PREFIXES.items():
        labels_path, labels = read_idx(raw, f"{prefix}-labels-idx1-ubyte")
        images_path, images = read_idx(raw, f"{prefix}-images-idx3-ubyte")
        if images.shape != (len(labels), SIDE, SIDE):
            raise SpecError(
                f"{images_path}: shape {images.shape}, expected {(len(labels), SIDE, SIDE)} for the "
                f"labels of {labels_path.name}"
            )
        labelled_images.check_labels(labels_path, labels, NUM_CLASSES)
        examples[file] = images[..., None], labels
    labelled_images.write(folder, examples)


def check(folder: Path) -> list[Part]:
    return labelled_images.check(folder, loading.load_workload("mnist"))


def read_idx(raw: Path, name: str) -> tuple[Path, np.ndarray]:
    """The path and the array of an IDX file of bytes; it may be gzipped, and then ends in .gz.

    Raises:
      SpecError: it is absent, damaged, or no IDX file of as many dimensions as its name says.
    """
    path = next((p for p in (raw / name, raw / f"{name}.gz") if p.exists()), None)
    if path is None:
        raise SpecError(f"{raw}: expected {name} or {name}.gz, there is neither")
    data = path.read_bytes()
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise SpecError(f"{path}: the gzip file is damaged: {error}") from error
    num_dimensions = int(name.partition("-idx")[2][0])
    magic = bytes([0, 0, 8, num_dimensions])
    if data[:4] != magic:
        raise SpecError(f"{path}: begins with {data[:4].hex(' ')}, expected {magic.hex(' ')}")
    header = 4 * (1 + num_dimensions)
    if len(data) < header:
        raise SpecError(f"{path}: {len(data)} bytes, expected a header of {header}")
    shape = tuple(map(int, np.frombuffer(data[4:header], ">u4")))
    if len(data) != header + math.prod(shape):
        raise SpecError(
            f"{path}: {len(data):,} bytes, expected {header + math.prod(shape):,} for shape {shape}"
        )
    return path, np.frombuffer(data, np.uint8, offset=header).reshape(shape)
