"""Source `imagenet`: ImageNet 2012 for training and validation, ImageNet-v2 (matched frequency) as
the test split.

Prepared are record files that hold the images as they were published, without recoding: one for each
class of the training split, and one for each of the others.
"""

import concurrent.futures
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from inputs import imagenet_archives, images, randaugment, records
from inputs.images import WINDOW_NOISE
from inputs.pipeline import Batch
from inputs.records import Record, Records
from inputs.storage import Part, data_folder
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload

SPLITS = ("train", "validation", "test")
CHECKED_TOGETHER = 256  # images held in memory while a file is made


def prepare(raw: Path, folder: Path) -> None:
    """Makes record files from what is in `raw`: for each split the archive, or the folder that it
    unpacks to. Files that exist are kept. Every image is decoded once, so that a damaged one is
    found here and not in the middle of a run.

    Raises:
      ValueError: a file is damaged, or the numbers of classes or images are not the published ones.
      FileNotFoundError: a split's files are missing; the others have been prepared.
    """
    missing = []
    num_classes = _workload().model.resnet.num_classes
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        for split in SPLITS:
            try:
                for path, shard in _shards(raw, folder, split, num_classes):
                    if not path.exists():
                        records.write_records(path, _checked(shard(), threads))
                _check_count(split, len(Records(_files(folder, split))), folder)
            except FileNotFoundError as error:
                missing.append(str(error))
    if missing:
        raise FileNotFoundError("not found: " + "; ".join(missing))


def _check_count(split: str, count: int, where: Path) -> None:
    expected = getattr(_workload().splits, split)
    if count != expected:
        raise ValueError(f"{where}: {count} images of {split}, expected {expected}")


def _counted(images: Iterator[Record], split: str, raw: Path) -> Iterator[Record]:
    """The same records; raises a ValueError at their end where they are not all of the split's, so
    that no short file is kept.
    """
    count = 0
    for count, record in enumerate(images, 1):  # noqa: B007
        yield record
    _check_count(split, count, raw)


def _workload() -> Workload:
    """Says how many classes and images there are."""
    return loading.load_workload("imagenet_resnet")


def _shards(
    raw: Path, folder: Path, split: str, num_classes: int
) -> Iterator[tuple[Path, Callable[[], Iterator[Record]]]]:
    """The record files of a split, each with a function that gives its images."""
    if split == "train":
        for synset, shard in imagenet_archives.train_shards(raw, num_classes):
            yield folder / "train" / f"{synset}.records", shard
        return
    read = {
        "validation": imagenet_archives.validation_images,
        "test": imagenet_archives.test_images,
    }[split]
    yield folder / f"{split}.records", lambda: _counted(read(raw, num_classes), split, raw)


def _files(folder: Path, split: str) -> list[Path]:
    """The record files of a split that exist."""
    return sorted(folder.glob("train/*.records" if split == "train" else f"{split}.records"))


def _checked(shard: Iterator[Record], threads: concurrent.futures.Executor) -> Iterator[Record]:
    """The same records, each after it was decoded."""
    while some := list(itertools.islice(shard, CHECKED_TOGETHER)):
        list(threads.map(lambda record: images.decoded(record.data, record.name), some))
        yield from some


def check(folder: Path) -> list[Part]:
    """One part for each split."""
    return [_part(folder, split) for split in SPLITS]


def _part(folder: Path, split: str) -> Part:
    expected = getattr(_workload().splits, split)
    paths = _files(folder, split)
    num_bytes = sum(path.stat().st_size for path in paths)
    try:
        count = len(Records(paths))
    except ValueError as error:
        return Part(split, "partial", 0, expected, num_bytes, str(error))
    num_files = _workload().model.resnet.num_classes if split == "train" else 1
    state = "ready" if count == expected else "partial" if paths else "missing"
    detail = "" if count == expected else f"{len(paths)} of {num_files} files in {folder}"
    return Part(split, state, count, expected, num_bytes, detail)


def open_source(workload: Workload) -> "ImageNet":
    return ImageNet(workload, data_folder("imagenet"))


class ImageNet:
    """Normalised images float32 [B, side, side, 3] under `inputs`; classes int32 [B] under
    `targets`, or float32 [B, classes], one-hot, in training batches that are to be mixed.

    Training: a random window, resized, mirrored with probability 1/2, RandAugment if the workload
    has it. Evaluation: the window in the middle, resized.
    """

    def __init__(self, workload: Workload, folder: Path):
        options = workload.dataset.imagenet
        model = getattr(workload.model, str(workload.model.WhichOneof("family")))
        self._options = options
        self._side, self._num_classes = model.image_size, model.num_classes
        self._fraction = self._side / options.resize_size
        self._mean = np.array(options.mean, np.float32)
        self._stddev = np.array(options.stddev, np.float32)
        self._records = {split: Records(_files(folder, split)) for split in SPLITS}
        for split, found in self._records.items():
            expected = getattr(workload.splits, split)
            if len(found) != expected:
                raise SpecError(
                    f"{folder}: {len(found)} images of {split}, workload {workload.name} expects "
                    f"{expected}; see `tandem data check imagenet`"
                )
        self.mixup_alpha = options.mixup_alpha
        self.noise_size = WINDOW_NOISE + 1 + options.randaugment_layers * randaugment.NOISE
        self.sha256 = records.digest(self._records.values())
        self._threads = concurrent.futures.ThreadPoolExecutor(os.cpu_count(), "imagenet")

    def num_examples(self, split: str) -> int:
        return len(self._records[split])

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        inputs = np.empty((len(indices), self._side, self._side, 3), np.float32)

        def fill(row: int) -> None:
            data, _, name = self._records[split][int(indices[row])]
            image = images.decoded(data, name)
            pixels = self._central(image) if noise is None else self._augmented(image, noise[row])
            images.normalized(pixels, self._mean, self._stddev, inputs[row])

        list(self._threads.map(fill, range(len(indices))))
        labels = self._records[split].labels[indices].astype(np.int32)
        if noise is None or not self.mixup_alpha:
            return {"inputs": inputs, "targets": labels}
        targets = np.zeros((len(labels), self._num_classes), np.float32)
        targets[np.arange(len(labels)), labels] = 1
        return {"inputs": inputs, "targets": targets}

    def _central(self, image: np.ndarray, mirrored: bool = False) -> np.ndarray:
        """Pixels [3, side, side]."""
        height, width, _ = image.shape
        window = images.central_window(width, height, self._fraction)
        return images.resized(image, window, self._side, mirrored)

    def _augmented(self, image: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Pixels [3, side, side]; uint8 after RandAugment, float32 without it."""
        options = self._options
        height, width, _ = image.shape
        window = images.random_window(
            width,
            height,
            noise[:WINDOW_NOISE],
            (options.min_area, options.max_area),
            (options.min_aspect, options.max_aspect),
        )
        mirrored = bool(noise[WINDOW_NOISE] < 0.5)
        # As in the official pipeline, a window that is the whole image is replaced.
        if window is None or window == (0, 0, width, height):
            pixels = self._central(image, mirrored)
        else:
            pixels = images.resized(image, window, self._side, mirrored)
        if not options.randaugment_layers:
            return pixels
        return randaugment.augmented(
            np.clip(pixels, 0, 255, out=pixels).astype(np.uint8),
            options.randaugment_magnitude,
            noise[WINDOW_NOISE + 1 :].reshape(-1, randaugment.NOISE),
        )
