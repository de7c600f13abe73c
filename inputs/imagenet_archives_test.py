import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from inputs import imagenet_archives as archives
from inputs import imagenet_samples as samples
from inputs.records import Record

Write = Callable[[Path], None]
BOTH = pytest.mark.parametrize("write", [samples.write_archives, samples.write_folders])


def train(raw: Path, num_classes: int = 3) -> dict[str, list[Record]]:
    return {name: list(shard()) for name, shard in archives.train_shards(raw, num_classes)}


@BOTH
def test_training_images_come_by_class(tmp_path: Path, write: Write) -> None:
    write(tmp_path)
    shards = train(tmp_path)
    assert tuple(shards) == samples.SYNSETS
    expected = samples.images()[archives.TRAIN_ARCHIVE]
    for label, (synset, records) in enumerate(shards.items()):
        assert len(records) == samples.TRAIN_COUNTS[label]
        for data, of, name in records:
            assert of == label and data == expected[f"{synset}/{name}"]


@BOTH
def test_validation_images_have_their_classes(tmp_path: Path, write: Write) -> None:
    write(tmp_path)
    records = sorted(archives.validation_images(tmp_path, 3), key=lambda record: record.name)
    assert tuple(record.label for record in records) == samples.VALIDATION_CLASSES
    expected = samples.images()[archives.VALIDATION_ARCHIVE]
    assert {record.name: record.data for record in records} == expected


@BOTH
def test_test_images_have_their_classes(tmp_path: Path, write: Write) -> None:
    write(tmp_path)
    records = list(archives.test_images(tmp_path, 3))
    assert tuple(record.label for record in records) == samples.TEST_CLASSES
    assert records[2].name == "1/2.jpeg"


def test_the_kit_numbers_classes_in_its_own_order(tmp_path: Path) -> None:
    (tmp_path / archives.KIT).write_bytes(samples.kit())
    labels = archives.validation_labels(tmp_path / archives.KIT, 3)
    assert tuple(labels) == samples.VALIDATION_CLASSES


def test_folders_hold_other_files_too(tmp_path: Path) -> None:
    samples.write_folders(tmp_path)
    (tmp_path / "train" / "wnids.txt").touch()
    (tmp_path / "train" / samples.SYNSETS[0] / ".DS_Store").touch()
    assert len(train(tmp_path)[samples.SYNSETS[0]]) == samples.TRAIN_COUNTS[0]


@pytest.mark.parametrize(
    ("read", "named"),
    [
        (lambda raw: train(raw), r"ILSVRC2012_img_train\.tar or folder .*/train"),
        (lambda raw: list(archives.validation_images(raw, 3)), r"_img_val\.tar or folder .*/val"),
        (lambda raw: list(archives.test_images(raw, 3)), r"imagenetv2-matched-frequency\.tar\.gz"),
    ],
)
def test_missing_files_are_named(
    tmp_path: Path, read: Callable[[Path], object], named: str
) -> None:
    with pytest.raises(FileNotFoundError, match=named):
        read(tmp_path)


def test_the_validation_archive_needs_the_kit(tmp_path: Path) -> None:
    samples.write_archives(tmp_path)
    (tmp_path / archives.KIT).unlink()
    with pytest.raises(FileNotFoundError, match=r"devkit_t12\.tar\.gz, which has the labels"):
        list(archives.validation_images(tmp_path, 3))


def test_a_kit_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / archives.KIT).write_bytes(samples.tar([("a/readme.txt", b"x")], "w:gz"))
    with pytest.raises(ValueError, match=r"expected meta\.mat and ILSVRC2012_validation_ground"):
        archives.validation_labels(tmp_path / archives.KIT, 3)


@BOTH
def test_a_missing_class_is_an_error(tmp_path: Path, write: Write) -> None:
    write(tmp_path)
    with pytest.raises(ValueError, match=r"3 (members|class folders).*expected 4"):
        train(tmp_path, 4)


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        (archives.TRAIN_ARCHIVE, lambda raw: train(raw)),
        (archives.VALIDATION_ARCHIVE, lambda raw: list(archives.validation_images(raw, 3))),
        (archives.TEST_ARCHIVE, lambda raw: list(archives.test_images(raw, 3))),
        (archives.KIT, lambda raw: list(archives.validation_images(raw, 3))),
    ],
)
def test_a_truncated_archive_is_named(
    tmp_path: Path, name: str, read: Callable[[Path], object], part: float
) -> None:
    samples.write_archives(tmp_path)
    path = tmp_path / name
    # Not at a border between members: there, only the number of images tells.
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size) // 512 * 512 + 100])
    with pytest.raises(ValueError, match=name):
        read(tmp_path)


def with_member(path: Path, name: str, **attributes: object) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = 1
        for key, value in attributes.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    path.write_bytes(file.getvalue())


@pytest.mark.parametrize(
    "name", ["../../ILSVRC2012_val_00000001.JPEG", "/etc/passwd", "ILSVRC2012_val_00000006.JPEG"]
)
def test_members_with_unexpected_names_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / archives.KIT).write_bytes(samples.kit())
    with_member(tmp_path / archives.VALIDATION_ARCHIVE, name)
    with pytest.raises(ValueError, match=r"expected ILSVRC2012_val_00000001\.JPEG to 5"):
        list(archives.validation_images(tmp_path, 3))


@pytest.mark.parametrize("name", ["../x/0/a.jpeg", f"{archives.TEST_FOLDER}/3/a.jpeg"])
def test_test_members_with_unexpected_names_are_refused(tmp_path: Path, name: str) -> None:
    with_member(tmp_path / archives.TEST_ARCHIVE, name)
    with pytest.raises(ValueError, match=r"expected imagenetv2-.*/0/\.\.\. to 2"):
        list(archives.test_images(tmp_path, 3))


def test_links_in_an_archive_are_refused(tmp_path: Path) -> None:
    name = f"{archives.TEST_FOLDER}/0/a.jpeg"
    with_member(
        tmp_path / archives.TEST_ARCHIVE, name, size=0, type=tarfile.SYMTYPE, linkname="/etc/passwd"
    )
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        list(archives.test_images(tmp_path, 3))


def test_a_member_that_says_it_is_huge_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_IMAGE_BYTES", 100)
    with_member(tmp_path / archives.TEST_ARCHIVE, f"{archives.TEST_FOLDER}/0/a.jpeg", size=101)
    with pytest.raises(ValueError, match="of 101 bytes is no image"):
        list(archives.test_images(tmp_path, 3))
