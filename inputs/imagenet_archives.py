"""The published forms of ImageNet 2012 and ImageNet-v2: tar archives, or folders of their files.

Archives are read from front to back and never unpacked: a member's name is only compared with what
is expected.
"""

import contextlib
import functools
import io
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from inputs.records import Record

TRAIN_ARCHIVE, TRAIN_FOLDER = "ILSVRC2012_img_train.tar", "train"
VALIDATION_ARCHIVE, VALIDATION_FOLDER = "ILSVRC2012_img_val.tar", "val"
TEST_ARCHIVE = "imagenetv2-matched-frequency.tar.gz"
TEST_FOLDER = "imagenetv2-matched-frequency-format-val"
KIT = "ILSVRC2012_devkit_t12.tar.gz"
SYNSET = re.compile(r"n\d{8}")
VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
# Larger than any image of the data sets; a damaged or hostile archive may say anything.
MAX_IMAGE_BYTES = 1 << 26

Shard = Callable[[], Iterator[Record]]


def train_shards(raw: Path, num_classes: int) -> Iterator[tuple[str, Shard]]:
    """The name and the images of each class, in the order of names, which numbers the classes.

    Raises:
      FileNotFoundError: neither archive nor folder is there.
      ValueError: other classes are there than expected, or a file is damaged.
    """
    archive = raw / TRAIN_ARCHIVE
    if not archive.exists():
        folders = _class_folders(_either(archive, raw / TRAIN_FOLDER), SYNSET, num_classes)
        for label, folder in enumerate(folders):
            yield folder.name, functools.partial(_folder_records, folder, label)
        return
    with _archive(archive) as outer:
        members = {member.name: member for member in outer if member.isfile()}
        names = sorted(name for name in members if SYNSET.fullmatch(name.removesuffix(".tar")))
        if len(names) != num_classes:
            raise ValueError(
                f"{archive}: {len(names)} members named like n01440764.tar, expected {num_classes}"
            )

        def images(name: str, label: int) -> Iterator[Record]:
            with _archive(archive, outer.extractfile(members[name])) as inner:
                for image, data in _images(inner, f"{archive}, {name}"):
                    yield Record(data, label, image)

        for label, name in enumerate(names):
            yield name.removesuffix(".tar"), functools.partial(images, name, label)


def validation_images(raw: Path, num_classes: int) -> Iterator[Record]:
    """Raises as `train_shards`."""
    archive = raw / VALIDATION_ARCHIVE
    if not archive.exists():
        folder = _either(archive, raw / VALIDATION_FOLDER)
        for label, each in enumerate(_class_folders(folder, SYNSET, num_classes)):
            yield from _folder_records(each, label)
        return
    labels = validation_labels(raw / KIT, num_classes)
    with _archive(archive) as images:
        for name, data in _images(images, str(archive)):
            match = VALIDATION_NAME.fullmatch(name)
            if match is None or not 1 <= int(match[1]) <= len(labels):
                raise ValueError(
                    f"{archive}: member {name!r}, expected ILSVRC2012_val_00000001.JPEG to {len(labels)}"
                )
            yield Record(data, int(labels[int(match[1]) - 1]), name)


def validation_labels(kit: Path, num_classes: int) -> np.ndarray:
    """The class of each validation image, int64, out of the development kit.

    The kit numbers classes in an order of its own; here they are numbered by synset.
    """
    import scipy.io

    if not kit.exists():
        raise FileNotFoundError(f"{kit}, which has the labels of {VALIDATION_ARCHIVE}")
    wanted = {"meta.mat": b"", "ILSVRC2012_validation_ground_truth.txt": b""}
    with _archive(kit) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name in wanted and member.isfile():
                wanted[name] = _contents(archive, member, str(kit))
    meta, truth = wanted.values()
    if not meta or not truth:
        raise ValueError(f"{kit}: expected {' and '.join(wanted)} in it")
    synsets = scipy.io.loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"]
    numbers = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in synsets}
    leaves = [numbers[number] for number in range(1, num_classes + 1)]
    rank = {synset: place for place, synset in enumerate(sorted(leaves))}
    return np.array([rank[leaves[int(line) - 1]] for line in truth.split()])


def test_images(raw: Path, num_classes: int) -> Iterator[Record]:
    """Raises as `train_shards`. Folders are named by class number."""
    archive = raw / TEST_ARCHIVE
    if not archive.exists():
        folder = _either(archive, raw / TEST_FOLDER)
        numbers = re.compile("|".join(map(str, range(num_classes))))
        for each in _class_folders(folder, numbers, num_classes):
            for data, label, name in _folder_records(each, int(each.name)):
                yield Record(data, label, f"{each.name}/{name}")
        return
    pattern = re.compile(rf"(?:\./)?{TEST_FOLDER}/((\d{{1,3}})/[^/]+)")
    with _archive(archive) as images:
        for name, data in _images(images, str(archive)):
            match = pattern.fullmatch(name)
            if match is None or int(match[2]) >= num_classes:
                raise ValueError(
                    f"{archive}: member {name!r}, expected {TEST_FOLDER}/0/... to {num_classes - 1}"
                )
            yield Record(data, int(match[2]), match[1])


def _either(archive: Path, folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"{archive} or folder {folder}")
    return folder


def _class_folders(folder: Path, pattern: re.Pattern[str], num_classes: int) -> list[Path]:
    """The folders of all classes, sorted by name."""
    found = sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    if len(found) != num_classes:
        raise ValueError(f"{folder}: {len(found)} class folders, expected {num_classes}")
    return found


def _folder_records(folder: Path, label: int) -> Iterator[Record]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".jpeg", ".jpg"):
            yield Record(path.read_bytes(), label, path.name)


@contextlib.contextmanager
def _archive(path: Path, file: IO[bytes] | None = None) -> Iterator[tarfile.TarFile]:
    """A tar archive, packed or not; `file` is where it is inside another one."""
    try:
        with tarfile.open(None if file else path, fileobj=file) as archive:
            yield archive
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise ValueError(f"{path}: the archive is damaged or incomplete: {error}") from error


def _images(archive: tarfile.TarFile, where: str) -> Iterator[tuple[str, bytes]]:
    """Name and contents of each file, in the archive's order."""
    for member in archive:
        if member.isfile():
            yield member.name, _contents(archive, member, where)
        elif not member.isdir():
            raise ValueError(f"{where}: member {member.name!r} is neither a file nor a folder")


def _contents(archive: tarfile.TarFile, member: tarfile.TarInfo, where: str) -> bytes:
    file = archive.extractfile(member)
    if file is None or member.size > MAX_IMAGE_BYTES:
        raise ValueError(f"{where}: member {member.name!r} of {member.size} bytes is no image")
    data = file.read()
    if len(data) != member.size:
        raise ValueError(f"{where}: the archive is incomplete: it ends within {member.name!r}")
    return data
