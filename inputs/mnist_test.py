"""Files in the published format, from IDX to batches."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from inputs import mnist, storage
from inputs.testing import idx, write_mnist
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload

WORKLOAD = Workload()
WORKLOAD.CopyFrom(loading.load_workload("mnist"))
WORKLOAD.splits.train, WORKLOAD.splits.validation, WORKLOAD.splits.test = 50, 10, 20


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path))
    folder = tmp_path / "raw"
    write_mnist(folder, 60, 20)
    return folder


def prepare(raw: Path) -> Path:
    folder = storage.data_folder("mnist")
    mnist.prepare(raw, folder)
    return folder


def test_splits_and_scale(raw: Path) -> None:
    data = gzip.decompress((raw / "train-images-idx3-ubyte.gz").read_bytes())
    pixels = np.frombuffer(data[16:], np.uint8).reshape(60, 28, 28, 1)
    prepare(raw)
    source = mnist.open_source(WORKLOAD)
    assert [source.num_examples(s) for s in ("train", "validation", "test")] == [50, 10, 20]
    batch = source.batch("validation", np.array([9, 0]), None)
    expected = (pixels[[59, 50]].astype(np.float64) - 0.1307) / 0.3081
    np.testing.assert_allclose(batch["inputs"], expected, rtol=1e-6)
    assert batch["inputs"].dtype == np.float32 and batch["targets"].dtype == np.int32
    labels = gzip.decompress((raw / "train-labels-idx1-ubyte.gz").read_bytes())[8:]
    np.testing.assert_array_equal(
        source.batch("train", np.arange(50), None)["targets"], list(labels[:50])
    )


def test_files_may_be_unpacked_and_preparing_again_changes_nothing(raw: Path) -> None:
    folder = prepare(raw)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in list(raw.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    (folder / "test_labels.npy").unlink()
    prepare(raw)
    assert first == {path.name: path.read_bytes() for path in folder.iterdir()}


IMAGES = "train-images-idx3-ubyte"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (IMAGES, None, f"expected {IMAGES} or {IMAGES}.gz, there is neither"),
        (
            IMAGES,
            b"\x00\x00\x08\x01" + bytes(12),
            f"{IMAGES}: begins with 00 00 08 01, expected 00 ",
        ),
        (IMAGES, b"\x00\x00\x08\x03" + bytes(3), f"{IMAGES}: 7 bytes, expected a header of 16"),
        (IMAGES, idx(np.zeros((60, 28, 28)))[:-1], f"{IMAGES}: 47,055 bytes, expected 47,056 for"),
        (IMAGES, idx(np.zeros((60, 28, 27))), r"shape \(60, 28, 27\), expected \(60, 28, 28\)"),
        (IMAGES, idx(np.zeros((59, 28, 28))), r"shape \(59, 28, 28\), expected \(60, 28, 28\)"),
        (f"{IMAGES}.gz", gzip.compress(bytes(99))[:-9], f"{IMAGES}.gz: the gzip file is damaged"),
        (f"{IMAGES}.gz", bytes(99), f"{IMAGES}.gz: the gzip file is damaged"),
        (
            "train-labels-idx1-ubyte",
            idx(np.r_[:60] % 11),
            r"label of example 10 \(from 0\) is 10, expected 0 to 9",
        ),
    ],
)
def test_a_wrong_file_is_named(raw: Path, name: str, data: bytes | None, message: str) -> None:
    (raw / f"{name.removesuffix('.gz')}.gz").unlink()
    if data is not None:
        (raw / name).write_bytes(data)
    with pytest.raises(SpecError, match=message):
        prepare(raw)
    assert not storage.data_folder("mnist").exists()


def test_what_is_not_there(raw: Path) -> None:
    with pytest.raises(SpecError, match=r"train_images.npy is missing; `tandem data prepare mnist"):
        mnist.open_source(WORKLOAD)
    folder = storage.data_folder("mnist")
    assert {part.state for part in mnist.check(folder)} == {"missing"}
    prepare(raw)
    parts = mnist.check(folder)
    assert [(part.state, part.count, part.expected) for part in parts] == [
        ("partial", 60, 60_000),
        ("partial", 60, 60_000),
        ("partial", 20, 10_000),
        ("partial", 20, 10_000),
    ]
    with pytest.raises(SpecError, match=r"train_images.npy: 60 examples, .* expects 60,000"):
        mnist.open_source(loading.load_workload("mnist"))
    (folder / "train_images.npy").write_bytes(b"short")
    with pytest.raises(SpecError, match=r"train_images.npy: .*prepare again"):
        mnist.open_source(WORKLOAD)
