"""The data sets are small, in the true formats; see imagenet_samples.py."""

from pathlib import Path

import numpy as np
import pytest

from inputs import imagenet, imagenet_archives, images, pipeline, randaugment, records
from inputs import imagenet_samples as samples
from inputs.imagenet import ImageNet
from inputs.pipeline import Batch
from inputs.records import Record, Records
from spec import loading, rng
from spec.loading import SpecError
from spec.workload_pb2 import Workload

RESNET = samples.fit(loading.load_workload("imagenet_resnet"))
VIT = samples.fit(loading.load_workload("imagenet_vit"))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(imagenet, "_workload", lambda: RESNET)
    monkeypatch.setenv("TANDEM_DATA", str(tmp_path))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    samples.write_archives(tmp_path / "raw")
    return tmp_path / "raw"


@pytest.fixture
def folder(raw: Path, tmp_path: Path) -> Path:
    imagenet.prepare(raw, tmp_path / "imagenet")
    return tmp_path / "imagenet"


def train_batch(workload: Workload, shard: tuple[int, int] = (0, 1), seed: int = 0) -> Batch:
    batches = pipeline.TrainBatches(workload, seed, 4, start_step=1, shard=shard)
    batch = next(batches)
    batches.close()
    return batch


def test_archives_and_folders_give_the_same_data(folder: Path, tmp_path: Path) -> None:
    samples.write_folders(tmp_path / "folders")
    imagenet.prepare(tmp_path / "folders", tmp_path / "other")
    assert ImageNet(RESNET, folder).sha256 == ImageNet(RESNET, tmp_path / "other").sha256


def test_prepared_files_hold_the_published_bytes(folder: Path) -> None:
    expected = samples.images()[imagenet_archives.VALIDATION_ARCHIVE]
    validation = Records([folder / "validation.records"])
    found = [validation[i] for i in range(len(validation))]
    assert [record.data for record in found] == list(expected.values())
    assert tuple(record.label for record in found) == samples.VALIDATION_CLASSES


def test_an_evaluation_batch_holds_the_middle_of_each_image(folder: Path) -> None:
    source = ImageNet(VIT, folder)
    batch = source.batch("validation", np.array([4, 1]), None)
    assert batch["inputs"].shape == (2, 224, 224, 3) and batch["inputs"].dtype == np.float32
    np.testing.assert_array_equal(batch["targets"], np.array([0, 0], np.int32))
    assert batch["targets"].dtype == np.int32
    data = list(samples.images()[imagenet_archives.VALIDATION_ARCHIVE].values())[4]
    image = images.decoded(data, "")
    height, width, _ = image.shape
    pixels = images.resized(image, images.central_window(width, height, 224 / 256), 224)
    np.testing.assert_allclose(batch["inputs"][0], normal(pixels), rtol=0, atol=1e-6)


def cut(source: ImageNet, index: int, noise: np.ndarray) -> np.ndarray:
    """A training image's window, resized."""
    image = images.decoded(source._records["train"][index].data, "")
    height, width, _ = image.shape
    window = images.random_window(
        width, height, noise[: images.WINDOW_NOISE], (0.08, 1), (0.75, 4 / 3)
    )
    assert window is not None
    return images.resized(image, window, 224)


def normal(planes: np.ndarray) -> np.ndarray:
    return (np.moveaxis(planes, 0, -1) - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]


def test_a_training_image_is_cut_mirrored_and_not_rounded(folder: Path) -> None:
    source = ImageNet(RESNET, folder)
    assert source.noise_size == images.WINDOW_NOISE + 1
    noise = rng.uniform32(rng.key(0, "test"), (2, source.noise_size))
    noise[1] = noise[0]
    noise[:, -1] = [0.49, 0.5]
    mirrored, plain = source.batch("train", np.array([3, 3]), noise)["inputs"]
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])
    np.testing.assert_allclose(plain, normal(cut(source, 3, noise[0])), rtol=0, atol=1e-6)


def test_without_a_window_the_middle_is_taken(folder: Path) -> None:
    source = ImageNet(RESNET, folder)
    no_window = np.zeros((1, source.noise_size), np.float32)
    no_window[0, -1] = 0.9
    train = source.batch("train", np.array([0]), no_window)
    middle = source.batch("train", np.array([0]), None)
    np.testing.assert_array_equal(train["inputs"], middle["inputs"])


def test_randaugment_works_on_whole_levels_before_normalisation(folder: Path) -> None:
    source = ImageNet(VIT, folder)
    assert source.noise_size == images.WINDOW_NOISE + 1 + 2 * randaugment.NOISE
    noise = rng.uniform32(rng.key(0, "test"), (1, source.noise_size))
    noise[0, images.WINDOW_NOISE] = 0.9  # not mirrored
    solarize, invert = 5 / 16, 2 / 16  # the first changes nothing at full strength
    noise[0, -2 * randaugment.NOISE :: randaugment.NOISE] = [solarize, invert]
    batch = source.batch("train", np.array([0]), noise)
    levels = np.clip(cut(source, 0, noise[0]), 0, 255).astype(np.uint8)
    np.testing.assert_allclose(batch["inputs"][0], normal(255 - levels), rtol=0, atol=1e-6)


def test_mixed_targets_are_weights_of_two_classes(folder: Path) -> None:
    batch = train_batch(VIT)
    assert batch["inputs"].shape == (4, 224, 224, 3) and batch["inputs"].dtype == np.float32
    assert batch["targets"].shape == (4, 3) and batch["targets"].dtype == np.float32
    np.testing.assert_allclose(batch["targets"].sum(1), 1, rtol=1e-6)
    assert ((batch["targets"] > 0).sum(1) <= 2).all()
    assert train_batch(RESNET)["targets"].dtype == np.int32


@pytest.mark.parametrize("workload", [RESNET, VIT], ids=["resnet", "vit"])
def test_batches_are_the_same_again_and_sharded(folder: Path, workload: Workload) -> None:
    whole, again = train_batch(workload), train_batch(workload)
    shards = [train_batch(workload, (index, 4)) for index in range(4)]
    for name, array in whole.items():
        assert array.tobytes() == again[name].tobytes()
        assert array.tobytes() == np.concatenate([shard[name] for shard in shards]).tobytes()
    assert whole["inputs"].tobytes() != train_batch(workload, seed=1)["inputs"].tobytes()


@pytest.mark.parametrize(("split", "weights"), [("validation", 5), ("test", 4), ("eval_train", 4)])
def test_an_evaluation_sees_each_image_once(folder: Path, split: str, weights: int) -> None:
    batches = list(pipeline.eval_batches(VIT, split))
    assert {batch["inputs"].shape for batch in batches} == {(4, 224, 224, 3)}
    assert sum(batch["weights"].sum() for batch in batches) == weights


def test_a_preparation_goes_on_where_it_stopped(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "imagenet"
    archive = raw / imagenet_archives.TRAIN_ARCHIVE
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-12_000])
    with pytest.raises(ValueError, match="ILSVRC2012_img_train"):
        imagenet.prepare(raw, folder)
    archive.write_bytes(whole)
    train = folder / "train"
    records.write_records(train / f"{samples.SYNSETS[0]}.records", [Record(b"kept", 0, "x")] * 1)
    with pytest.raises(ValueError, match="7 images of train, expected 9"):
        imagenet.prepare(raw, folder)
    assert Records([train / f"{samples.SYNSETS[0]}.records"])[0].data == b"kept"
    (train / f"{samples.SYNSETS[0]}.records").unlink()
    imagenet.prepare(raw, folder)
    assert [part.state for part in imagenet.check(folder)] == ["ready"] * 3


def test_a_corrupt_image_is_named_and_leaves_no_file(raw: Path, tmp_path: Path) -> None:
    images_by_name = samples.images()[imagenet_archives.VALIDATION_ARCHIVE]
    images_by_name["ILSVRC2012_val_00000003.JPEG"] = b"\xff\xd8 no image"
    archive = raw / imagenet_archives.VALIDATION_ARCHIVE
    archive.write_bytes(samples.tar(images_by_name.items()))
    with pytest.raises(ValueError, match=r"ILSVRC2012_val_00000003\.JPEG: cannot be decoded"):
        imagenet.prepare(raw, tmp_path / "imagenet")
    assert not (tmp_path / "imagenet" / "validation.records").exists()


def test_a_short_split_is_not_kept(raw: Path, tmp_path: Path) -> None:
    some = list(samples.images()[imagenet_archives.TEST_ARCHIVE].items())[:3]
    (raw / imagenet_archives.TEST_ARCHIVE).write_bytes(samples.tar(some, "w:gz"))
    with pytest.raises(ValueError, match="3 images of test, expected 4"):
        imagenet.prepare(raw, tmp_path / "imagenet")
    assert [part.state for part in imagenet.check(tmp_path / "imagenet")] == [
        "ready",
        "ready",
        "missing",
    ]


def test_missing_archives_are_named_and_the_others_prepared(raw: Path, tmp_path: Path) -> None:
    (raw / imagenet_archives.TEST_ARCHIVE).unlink()
    with pytest.raises(FileNotFoundError, match=r"not found: .*imagenetv2-matched-frequency"):
        imagenet.prepare(raw, tmp_path / "imagenet")
    parts = imagenet.check(tmp_path / "imagenet")
    assert [(part.state, part.count, part.expected) for part in parts] == [
        ("ready", 9, 9),
        ("ready", 5, 5),
        ("missing", 0, 4),
    ]
    with pytest.raises(SpecError, match="0 images of test, workload imagenet_vit expects 4"):
        ImageNet(VIT, tmp_path / "imagenet")


def test_check_says_how_far_a_preparation_got(folder: Path) -> None:
    (folder / "train" / f"{samples.SYNSETS[1]}.records").unlink()
    (folder / "validation.records").write_bytes(b"cut off")
    train, validation, test = imagenet.check(folder)
    assert (train.state, train.count) == ("partial", 7) and "2 of 3 files" in train.detail
    assert validation.state == "partial" and "not a complete record file" in validation.detail
    assert test.num_bytes == (folder / "test.records").stat().st_size


def test_a_damaged_image_is_named_when_it_is_read(folder: Path) -> None:
    path = folder / "train" / f"{samples.SYNSETS[0]}.records"
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(data)
    source = ImageNet(RESNET, folder)
    with pytest.raises(ValueError, match=rf"{samples.SYNSETS[0]}_0\.JPEG in .*have changed"):
        source.batch("train", np.arange(3), None)
