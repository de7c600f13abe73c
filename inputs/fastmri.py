"""Source `fastmri`: slices of the single-coil knee volumes of fastMRI (Zbontar et al. 2018, arXiv
1811.08839), undersampled in k-space.

Reads the HDF5 volumes where they lie; what is prepared is a list of them. An example is computed
when it is asked for: columns of k-space are kept or dropped, an inverse Fourier transform gives the
input's magnitudes, and input and target are normalised by the input's mean and standard deviation.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inputs.pipeline import Batch
from inputs.storage import Part, data_folder
from spec import loading, rng
from spec.files import write_text
from spec.loading import SpecError
from spec.workload_pb2 import FastMRI as Message
from spec.workload_pb2 import Workload

LIST = "volumes.json"
# The names that the folders of published volumes have been given.
FOLDERS = {
    "train": ("knee_singlecoil_train", "singlecoil_train"),
    "val": ("knee_singlecoil_val", "singlecoil_val"),
}


class Volume(NamedTuple):
    """A file, and the shape of its k-space."""

    path: str  # below the raw folder
    num_slices: int
    num_rows: int
    num_columns: int


def prepare(raw: Path, folder: Path) -> None:
    """Writes the list of volumes in folders `knee_singlecoil_train` and `knee_singlecoil_val` of
    `raw`. The volumes are read from there later on.

    Raises:
      ValueError: a folder is missing or empty, or a file is not a volume.
    """
    raw = raw.resolve()
    listed = {part: [volume._asdict() for volume in _volumes(raw, part)] for part in FOLDERS}
    write_text(folder / LIST, json.dumps({"raw": str(raw)} | listed, indent=1))


def _volumes(raw: Path, part: str) -> Iterator[Volume]:
    """The volumes of a part, sorted by name."""
    paths = sorted(path for name in FOLDERS[part] for path in (raw / name).glob("*.h5"))
    if not paths:
        expected = " or ".join(str(raw / name) for name in FOLDERS[part])
        raise ValueError(f"no volumes (*.h5) in {expected}; both parts are needed, train and val")
    for path in paths:
        with _opened(path) as file:
            kspace, target = _dataset(file, "kspace"), _dataset(file, "reconstruction_esc")
            shapes = f"kspace {kspace.shape} and reconstruction_esc {target.shape}"
            if (kspace.ndim, target.ndim) != (3, 3) or len(kspace) != len(target):
                raise ValueError(f"{path}: {shapes}, expected as many slices of two axes in both")
            if any(have < want for have, want in zip(kspace.shape, target.shape, strict=True)):
                raise ValueError(f"{path}: {shapes}, expected a k-space of at least that size")
            yield Volume(str(path.relative_to(raw)), *kspace.shape)


def check(folder: Path) -> list[Part]:
    """One part for each split: which of its volumes are listed and still there."""
    workload = loading.load_workload("fastmri")
    parts = []
    listing = folder / LIST
    raw, volumes, detail = Path(), dict[str, list[Volume]](), ""
    try:
        raw, volumes = _read_list(listing, workload.dataset.fastmri)
    except (OSError, ValueError) as error:
        detail = str(error)
    for split in ("train", "validation", "test"):
        expected = getattr(workload.splits, split)
        there = [volume for volume in volumes.get(split, []) if (raw / volume.path).is_file()]
        count = sum(volume.num_slices for volume in there)
        state = "ready" if count == expected else "partial" if count else "missing"
        num_bytes = sum((raw / volume.path).stat().st_size for volume in there)
        lost = len(volumes.get(split, [])) - len(there)
        lost_detail = f"{lost} listed volumes are gone from {raw}" if lost else ""
        parts.append(Part(split, state, count, expected, num_bytes, detail or lost_detail))
    return parts


def _read_list(path: Path, options: Message) -> tuple[Path, dict[str, list[Volume]]]:
    """The raw folder, and the volumes of each split.

    Raises:
      OSError, ValueError: the file is missing or is not such a list.
    """
    listed = json.loads(path.read_text(encoding="utf-8"))
    try:
        train, val = ([Volume(**volume) for volume in listed[part]] for part in FOLDERS)
        raw = Path(listed["raw"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a list of volumes ({error}); prepare it again") from error
    count = options.num_validation_volumes
    return raw, {"train": train, "validation": val[:count], "test": val[count:]}


def open_source(workload: Workload) -> "FastMRI":
    return FastMRI(workload, data_folder("fastmri"))


class FastMRI:
    """`inputs` and `targets` float32 [B, side, side]; `mean`, `std` and `volume_max` float32 [B].

    Evaluation drops the same columns of every slice. In training, which columns of a slice are
    dropped depends on the run's seed and stays so for all epochs, as in the official pipeline.
    """

    keeps_noise = True

    def __init__(self, workload: Workload, folder: Path):
        self._options = workload.dataset.fastmri
        self._side = workload.model.unet.image_size
        listing = folder / LIST
        try:
            self._raw, self._volumes = _read_list(listing, self._options)
        except OSError as error:
            raise SpecError(
                f"fastmri is not prepared: {listing}: {error.strerror}; see `tandem data check fastmri`"
            ) from error
        self.sha256 = hashlib.sha256(listing.read_bytes()).hexdigest()
        # Number of the first slice of each volume, and at the end the number of slices.
        self._starts = {
            split: np.cumsum([0, *(volume.num_slices for volume in volumes)])
            for split, volumes in self._volumes.items()
        }
        for split, volumes in self._volumes.items():
            count, expected = self.num_examples(split), getattr(workload.splits, split)
            if count != expected:
                raise SpecError(
                    f"{listing}: {len(volumes)} volumes of {split} have {count} slices, "
                    f"workload {workload.name} expects {expected}"
                )
        self.noise_size = max(volume.num_columns for volume in self._volumes["train"])
        self._threads = concurrent.futures.ThreadPoolExecutor(os.cpu_count(), "fastmri")

    def num_examples(self, split: str) -> int:
        return int(self._starts[split][-1])

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        def example(row: int) -> Batch:
            return self._example(split, int(indices[row]), None if noise is None else noise[row])

        examples = list(self._threads.map(example, range(len(indices))))
        return {name: np.stack([each[name] for each in examples]) for name in examples[0]}

    def _example(self, split: str, index: int, noise: np.ndarray | None) -> Batch:
        number = int(np.searchsorted(self._starts[split], index, "right")) - 1
        volume = self._volumes[split][number]
        place = index - int(self._starts[split][number])
        path = self._raw / volume.path
        with _opened(path) as file:
            try:
                kspace = _dataset(file, "kspace")[place]
                target = _dataset(file, "reconstruction_esc")[place]
            except OSError as error:
                raise ValueError(f"{path}: slice {place} cannot be read: {error}") from error
            volume_max = file.attrs.get("max", 0.0)
        if target.shape != (self._side, self._side):
            raise ValueError(f"{path}: targets are {target.shape}, expected {self._side} squared")
        uniform = self._uniform(split, index, noise, volume.num_columns)
        kept = kept_columns(uniform, self._options.center_fraction, self._options.acceleration)
        magnitude = reconstructed(kspace, kept, self._side)
        return normalized(magnitude, target, self._options.clip) | {
            "volume_max": np.array(volume_max, np.float32)
        }

    def _uniform(
        self, split: str, index: int, noise: np.ndarray | None, num_columns: int
    ) -> np.ndarray:
        """The uniform numbers that decide on the columns of a slice."""
        if split != "train":
            return evaluation_uniform(num_columns)
        if noise is None:  # split eval_train: the same in every run
            noise = rng.uniform32(rng.key(0, "augment", "eval_train", index), (num_columns,))
        return noise[:num_columns]


def kept_columns(uniform: np.ndarray, center_fraction: float, acceleration: float) -> np.ndarray:
    """Which columns of k-space are kept, bool [W], from uniform numbers float32 [W].

    The central ones are, and each other one with the probability that makes W / acceleration on
    average. Rounding is the official pipeline's: the number of central columns is truncated.
    """
    num_columns = len(uniform)
    num_central = int(np.float32(num_columns) * np.float32(center_fraction))
    start = (num_columns - num_central + 1) // 2
    wanted = np.float32(num_columns) / np.float32(acceleration)
    kept = uniform < (wanted - np.float32(num_central)) / np.float32(num_columns - num_central)
    kept[start : start + num_central] = True
    return kept


def reconstructed(kspace: np.ndarray, kept: np.ndarray, side: int) -> np.ndarray:
    """Magnitudes float32 [side, side] of the central part of the image behind complex64 k-space
    [H, W] of which only columns `kept` are known: the orthonormal inverse Fourier transform, with
    the zero frequency and the image's origin in the middle.

    Transforms the columns that are kept, and then of the rows those that are asked for.
    """
    height, width = kspace.shape
    rows = (np.arange(side) + (height - side) // 2 - height // 2) % height
    columns = (np.arange(side) + (width - side) // 2 - width // 2) % width
    shifted = np.fft.ifftshift(np.arange(width))
    places = np.flatnonzero(kept[shifted])
    known = np.fft.ifftshift(kspace[:, shifted[places]].T, axes=1)
    by_row = np.zeros((side, width), np.complex64)
    by_row[:, places] = np.fft.ifft(known, axis=1, norm="ortho")[:, rows].T
    return np.abs(np.fft.ifft(by_row, axis=1, norm="ortho")[:, columns])


def normalized(magnitude: np.ndarray, target: np.ndarray, clip: float) -> Batch:
    """Both images in standard deviations from the mean of `magnitude`, cut at +-clip; `mean` and
    `std` [].
    """
    mean, std = magnitude.mean(), magnitude.std()
    inputs, targets = (
        np.clip((image - mean) / std, -clip, clip).astype(np.float32)
        for image in (magnitude, target)
    )
    return {"inputs": inputs, "targets": targets, "mean": np.array(mean), "std": np.array(std)}


@functools.cache
def evaluation_uniform(count: int) -> np.ndarray:
    """The numbers that decide on the columns of evaluation: those of TensorFlow's
    `stateless_uniform` for seed (0, 0), float32 [count].

    That is Philox4x32-10 (Salmon et al. 2011) under a key and from a counter that are the first
    block for counter 0 under TensorFlow's fixed key; a word's low 23 bits over 2^23.
    """
    block = philox4x32(np.zeros((1, 4), np.uint64), (0x3EC8F720, 0x02461E29))[0]
    counters = np.zeros((-(-count // 4), 4), np.uint64)
    counters[:, 0] = np.arange(len(counters))
    counters[:, 2:] = block[2:]
    words = philox4x32(counters, (int(block[0]), int(block[1]))).ravel()[:count]
    return (words & 0x7FFFFF).astype(np.float32) * np.float32(2.0**-23)


def philox4x32(counters: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Ten rounds on counters of four 32-bit words, held in uint64 [N, 4], lowest word first."""
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    a, b, c, d = counters.T
    for number in range(10):
        keys = [
            np.uint64((word + number * step) & 0xFFFFFFFF)
            for word, step in zip(key, (0x9E3779B9, 0xBB67AE85), strict=True)
        ]
        first, second = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (
            (second >> high) ^ b ^ keys[0],
            second & low,
            (first >> high) ^ d ^ keys[1],
            first & low,
        )
    return np.stack([a, b, c, d], 1)


def _opened(path: Path) -> Any:
    """The HDF5 file, open for reading.

    Raises:
      ValueError: it is missing, or truncated, or is none.
    """
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read as HDF5: {error}") from error


def _dataset(file: Any, name: str) -> Any:
    if name not in file:
        raise ValueError(
            f"{file.filename}: no data set {name!r}, expected kspace and reconstruction_esc"
        )
    return file[name]
