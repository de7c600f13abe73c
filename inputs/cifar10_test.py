"""Files in the published format, from the binary version to batches."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from inputs import cifar10, storage
from inputs.testing import write_cifar10
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload

WORKLOAD = Workload()
WORKLOAD.CopyFrom(loading.load_workload("cifar"))
WORKLOAD.splits.train, WORKLOAD.splits.validation, WORKLOAD.splits.test = 45, 5, 10
MEAN, STDDEV = (
    np.array(values) for values in (WORKLOAD.dataset.cifar10.mean, WORKLOAD.dataset.cifar10.stddev)
)


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path))
    write_cifar10(tmp_path / "raw", 10)
    return tmp_path / "raw"


def prepare(raw: Path) -> Path:
    folder = storage.data_folder("cifar10")
    cifar10.prepare(raw, folder)
    return folder


def record(raw: Path, name: str, row: int) -> tuple[int, np.ndarray]:
    """Label and image [32, 32, 3] of one example, byte by byte."""
    data = (raw / name).read_bytes()[row * 3073 : (row + 1) * 3073]
    image = np.zeros((32, 32, 3))
    for channel in range(3):
        for y in range(32):
            for x in range(32):
                image[y, x, channel] = data[1 + channel * 1024 + y * 32 + x]
    return data[0], image


def test_splits_layout_and_scale(raw: Path) -> None:
    prepare(raw)
    source = cifar10.open_source(WORKLOAD)
    assert [source.num_examples(s) for s in ("train", "validation", "test")] == [45, 5, 10]
    for split, index, name, row in (
        ("train", 12, "data_batch_2.bin", 2),
        ("validation", 0, "data_batch_5.bin", 5),
        ("test", 9, "test_batch.bin", 9),
    ):
        batch = source.batch(split, np.array([index]), None)
        label, image = record(raw, name, row)
        assert batch["targets"] == [label] and batch["targets"].dtype == np.int32
        assert batch["inputs"].dtype == np.float32
        np.testing.assert_allclose(batch["inputs"][0], (image / 255 - MEAN) / STDDEV, atol=1e-6)


@pytest.mark.parametrize(
    ("noise", "move", "mirrored"),
    [
        ((0.5, 0.5, 0.6), (0, 0), False),
        ((0.5, 0.5, 0.4), (0, 0), True),
        ((0.0, 0.999, 0.5), (-4, 4), False),
        ((0.999, 0.3, 0.0), (4, -2), True),
    ],
)
def test_training_images_are_cropped_and_mirrored(
    raw: Path, noise: tuple[float, ...], move: tuple[int, int], mirrored: bool
) -> None:
    prepare(raw)
    _, image = record(raw, "data_batch_1.bin", 3)
    # The crop's corner is `move` from the image's; outside the image is black.
    expected = np.zeros_like(image)
    for y in range(32):
        for x in range(32):
            from_y, from_x = y + move[0], x + move[1]
            if 0 <= from_y < 32 and 0 <= from_x < 32:
                expected[y, 31 - x if mirrored else x] = image[from_y, from_x]
    source = cifar10.open_source(WORKLOAD)
    batch = source.batch("train", np.array([3]), np.array([noise], np.float32))
    np.testing.assert_allclose(batch["inputs"][0], (expected / 255 - MEAN) / STDDEV, atol=1e-6)


def test_the_archive_and_its_folder_give_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in prepare(raw).iterdir()}
    archive = tmp_path / "packed" / cifar10.ARCHIVE
    unpacked = tmp_path / "unpacked"
    archive.parent.mkdir()
    unpacked.mkdir()
    with tarfile.open(archive, "w:gz") as files:
        files.add(raw, cifar10.FOLDER)
    raw.rename(unpacked / cifar10.FOLDER)
    for folder in (archive.parent, unpacked):
        assert first == {path.name: path.read_bytes() for path in prepare(folder).iterdir()}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "expected data_batch_4.bin, cifar-10-batches-bin/data_batch_4.bin or cifar-10-bin"),
        (bytes(3073 * 3 - 1), "data_batch_4.bin: 9,218 bytes, expected a multiple of 3,073"),
        (b"", "data_batch_4.bin: 0 bytes, expected a multiple of 3,073"),
        (bytes(3073) + b"\x0a" + bytes(3072), r"data_batch_4.bin: label of example 1 .* is 10"),
    ],
)
def test_a_wrong_file_is_named(raw: Path, data: bytes | None, message: str) -> None:
    (raw / "data_batch_4.bin").unlink()
    if data is not None:
        (raw / "data_batch_4.bin").write_bytes(data)
    with pytest.raises(SpecError, match=message):
        prepare(raw)
    assert not storage.data_folder("cifar10").exists()


def test_a_wrong_archive_is_named(raw: Path, tmp_path: Path) -> None:
    archive = tmp_path / cifar10.ARCHIVE
    with tarfile.open(archive, "w:gz") as files:
        files.add(raw / "data_batch_1.bin", f"{cifar10.FOLDER}/data_batch_1.bin")
    with pytest.raises(
        SpecError, match=r"tar.gz: expected cifar-10-batches-bin/data_batch_2.bin in it"
    ):
        prepare(tmp_path)
    archive.write_bytes(archive.read_bytes()[:20_000])
    with pytest.raises(SpecError, match=r"cifar-10-binary.tar.gz: the archive is damaged"):
        prepare(tmp_path)


def test_what_is_not_there(raw: Path) -> None:
    with pytest.raises(SpecError, match=r"not prepared in .*cifar10: train_images.npy is missing"):
        cifar10.open_source(WORKLOAD)
    assert {part.state for part in cifar10.check(storage.data_folder("cifar10"))} == {"missing"}
