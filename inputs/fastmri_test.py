"""The volumes here have the published files' layout, with fewer rows, columns and slices."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs import fastmri, pipeline
from inputs.fastmri import FastMRI
from inputs.pipeline import Batch
from spec import loading, rng
from spec.loading import SpecError
from spec.workload_pb2 import Workload

SIDE = 8
# Of the numbers and the kept columns that were measured on the official pipeline (TensorFlow 2.19):
# uniforms times 2^23, and masks with the first column in the highest bit.
FIRST = [1770126, 5922441, 6711418, 6465874, 3259718, 7301104, 6779568, 1652060]
LAST = [7685680, 2334828, 8364277, 1561911]
TOTAL = 4_118_379_478
MASKS = {
    320: "0030184a82004501240822100040422401080ffffff8100a0430801028c424640020201202864480",
    368: "0030184a82004501240822100040422401080048283ffffffe30801028c424640020201202864480e22400218252",
    372: "0030184a82004501240822100040422401080048280fffffffb0801028c424640020201202864480e2240021825200",
    400: "0030184a82004501240822100040422401080048280810ffffffff1028c424640020201202864480e22400218252080872e0",
}


def write_volume(
    path: Path, slices: int, columns: int = 14, seed: int = 0, **attributes: float
) -> None:
    generator = np.random.Generator(np.random.PCG64(seed))
    shape = (slices, 2 * SIDE, columns)
    kspace = generator.normal(size=shape) + 1j * generator.normal(size=shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["ismrmrd_header"] = b"<ismrmrdHeader/>"
        file["kspace"] = kspace.astype(np.complex64)
        target = generator.random((slices, SIDE, SIDE), np.float32)
        file["reconstruction_esc"] = target
        file["reconstruction_rss"] = target
        file.attrs.update({"acquisition": "CORPD_FBK", **attributes})


def write_raw(raw: Path) -> None:
    """Training volumes of 3 and 2 slices, then of the other folder 2, 1 and 4."""
    write_volume(raw / "knee_singlecoil_train" / "file2.h5", 2, 12, 2, max=5.0)
    write_volume(raw / "knee_singlecoil_train" / "file1.h5", 3, 14, 1, max=4.0)
    for number, slices in enumerate((2, 1, 4)):
        path = raw / "knee_singlecoil_val" / f"file{number}.h5"
        write_volume(path, slices, seed=10 + number, max=float(number))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_raw(tmp_path / "raw")
    return tmp_path / "raw"


@pytest.fixture
def workload() -> Workload:
    workload = Workload()
    workload.CopyFrom(loading.load_workload("fastmri"))
    workload.model.unet.image_size = SIDE
    workload.dataset.fastmri.center_fraction = 0.2
    workload.dataset.fastmri.num_validation_volumes = 2
    splits = workload.splits
    splits.train, splits.eval_train, splits.validation, splits.test = 5, 4, 3, 4
    workload.eval_batch_size = 4
    return workload


@pytest.fixture
def source(raw: Path, workload: Workload, tmp_path: Path) -> FastMRI:
    fastmri.prepare(raw, tmp_path / "prepared")
    return FastMRI(workload, tmp_path / "prepared")


def expected_example(path: Path, place: int, uniform: np.ndarray) -> Batch:
    """The whole transform in double precision, step by step as the definition has it."""
    with h5py.File(path) as file:
        kspace, target = file["kspace"][place], file["reconstruction_esc"][place]
    kept = fastmri.kept_columns(uniform, 0.2, 4)
    shifted = np.fft.ifftshift(kspace.astype(np.complex128) * kept)
    image = np.fft.fftshift(np.fft.ifft2(shifted, norm="ortho"))
    top, left = ((have - SIDE) // 2 for have in image.shape)
    magnitude = np.abs(image[top : top + SIDE, left : left + SIDE])
    mean, std = magnitude.mean(), magnitude.std()
    return {
        "inputs": np.clip((magnitude - mean) / std, -6, 6),
        "targets": np.clip((target - mean) / std, -6, 6),
        "mean": mean,
        "std": std,
    }


def test_evaluation_draws_the_official_numbers() -> None:
    whole = (fastmri.evaluation_uniform(1000) * 2**23).astype(np.int64)
    assert whole[:8].tolist() == FIRST
    assert whole[-4:].tolist() == LAST
    assert whole.sum() == TOTAL


@pytest.mark.parametrize("columns", MASKS)
def test_evaluation_keeps_the_official_columns(columns: int) -> None:
    kept = fastmri.kept_columns(fastmri.evaluation_uniform(columns), 0.08, 4)
    assert np.packbits(kept).tobytes().hex() == MASKS[columns]


def test_philox_has_the_published_values() -> None:
    # Known answers that come with Salmon et al. 2011 (Random123): zeros, and all bits set.
    zeros = fastmri.philox4x32(np.zeros((1, 4), np.uint64), (0, 0))[0]
    assert [f"{word:08x}" for word in zeros] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]
    ones = np.full((1, 4), 0xFFFFFFFF, np.uint64)
    words = fastmri.philox4x32(ones, (0xFFFFFFFF, 0xFFFFFFFF))[0]
    assert [f"{word:08x}" for word in words] == ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]


def test_the_number_of_central_columns_is_truncated() -> None:
    kept = fastmri.kept_columns(np.ones(372, np.float32), 0.08, 4)
    assert np.flatnonzero(kept).tolist() == list(range(172, 201))


def test_a_quarter_of_the_columns_is_kept_on_average() -> None:
    uniform = rng.uniform32(rng.key(0, "test"), (500, 368))
    shares = [fastmri.kept_columns(row, 0.08, 4).mean() for row in uniform]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.002)


@given(
    height=st.integers(8, 21), width=st.integers(8, 21), side=st.integers(1, 8), seed=st.integers(0)
)
def test_a_reconstruction_is_the_inverse_fourier_transform(
    height: int, width: int, side: int, seed: int
) -> None:
    generator = np.random.Generator(np.random.PCG64(seed))
    kspace = generator.normal(size=(height, width)) + 1j * generator.normal(size=(height, width))
    kept = generator.random(width) < 0.5
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace * kept), norm="ortho"))
    top, left = (height - side) // 2, (width - side) // 2
    np.testing.assert_allclose(
        fastmri.reconstructed(kspace.astype(np.complex64), kept, side),
        np.abs(image[top : top + side, left : left + side]),
        rtol=0,
        atol=2e-6,
    )


def test_one_frequency_gives_a_flat_image() -> None:
    kspace = np.zeros((4, 6), np.complex64)
    kspace[2, 3] = 2j
    magnitude = fastmri.reconstructed(kspace, np.ones(6, bool), 4)
    np.testing.assert_allclose(magnitude, 2 / np.sqrt(24), rtol=1e-6)


def test_both_images_are_normalised_by_the_input_and_cut() -> None:
    magnitude = np.array([[0, 2], [2, 4]], np.float32)
    batch = fastmri.normalized(magnitude, np.array([[2, 4], [100, -100]], np.float32), 6)
    root = np.sqrt(2)
    np.testing.assert_allclose(batch["inputs"], [[-root, 0], [0, root]], rtol=1e-6)
    np.testing.assert_allclose(batch["targets"], [[0, root], [6, -6]], rtol=1e-6)
    assert (batch["mean"], batch["std"]) == (2, pytest.approx(root))


def test_splits_are_runs_of_volumes_sorted_by_name(source: FastMRI, raw: Path) -> None:
    assert [source.num_examples(split) for split in ("train", "validation", "test")] == [5, 3, 4]
    batch = source.batch("validation", np.array([2, 0]), None)
    np.testing.assert_array_equal(batch["volume_max"], np.array([1, 0], np.float32))
    for row, (name, place) in enumerate([("file1.h5", 0), ("file0.h5", 0)]):
        path = raw / "knee_singlecoil_val" / name
        for key, value in expected_example(path, place, fastmri.evaluation_uniform(14)).items():
            np.testing.assert_allclose(batch[key][row], value, rtol=0, atol=2e-6)
    assert {array.dtype for array in batch.values()} == {np.dtype(np.float32)}
    assert batch["inputs"].shape == batch["targets"].shape == (2, SIDE, SIDE)


def test_training_uses_the_noise_it_is_given(source: FastMRI, raw: Path) -> None:
    assert source.noise_size == 14
    noise = rng.uniform32(rng.key(0, "test"), (1, 14))
    batch = source.batch("train", np.array([4]), noise)
    expected = expected_example(raw / "knee_singlecoil_train" / "file2.h5", 1, noise[0, :12])
    for key, value in expected.items():
        np.testing.assert_allclose(batch[key][0], value, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(batch["volume_max"], [5])


def train_epochs(source: FastMRI, seed: int) -> list[dict[float, bytes]]:
    """Of two epochs, the bytes of each example's input by its target's."""
    epochs = []
    for step in range(2):
        batch = pipeline.train_batch(source, seed, 5, slice(None), step)
        rows = zip(batch["volume_max"], batch["targets"], batch["inputs"], strict=True)
        epochs.append(
            {float(target.argmax()) + 1e3 * volume: x.tobytes() for volume, target, x in rows}
        )
    return epochs


def test_a_training_slice_keeps_its_columns_for_a_run(source: FastMRI) -> None:
    first, second = train_epochs(source, 0)
    assert len(first) == 5
    assert first == second
    assert first != train_epochs(source, 1)[0]


def test_eval_train_is_the_same_every_time_and_differs_between_slices(source: FastMRI) -> None:
    first, again = (source.batch("train", np.arange(5), None) for _ in range(2))
    assert first["inputs"].tobytes() == again["inputs"].tobytes()
    masks = {source._uniform("train", index, None, 12).tobytes() for index in range(5)}
    assert len(masks) == 5


def test_a_file_without_a_maximum_has_0(source: FastMRI, raw: Path) -> None:
    write_volume(raw / "knee_singlecoil_val" / "file2.h5", 4)
    np.testing.assert_array_equal(source.batch("test", np.arange(2), None)["volume_max"], [0, 0])


def test_batches_come_sharded_and_padded(
    raw: Path, workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_DATA", str(tmp_path))
    fastmri.prepare(raw, tmp_path / "fastmri")
    whole, *halves = (
        next(pipeline.TrainBatches(workload, 3, 4, shard=shard))
        for shard in ((0, 1), (0, 2), (1, 2))
    )
    for key, array in whole.items():
        assert np.concatenate([half[key] for half in halves]).tobytes() == array.tobytes()
    (batch,) = pipeline.eval_batches(workload, "validation")
    np.testing.assert_array_equal(batch["weights"], [1, 1, 1, 0])
    assert not batch["inputs"][3].any() and batch["inputs"].shape == (4, SIDE, SIDE)


def test_older_folder_names_are_found(tmp_path: Path, raw: Path) -> None:
    for part in ("train", "val"):
        (raw / f"knee_singlecoil_{part}").rename(raw / f"singlecoil_{part}")
    fastmri.prepare(raw, tmp_path)
    listed = json.loads((tmp_path / "volumes.json").read_text())
    assert listed["val"][0]["path"] == "singlecoil_val/file0.h5"


@pytest.mark.parametrize("part", ["train", "val"])
def test_both_parts_are_needed(raw: Path, tmp_path: Path, part: str) -> None:
    for path in (raw / f"knee_singlecoil_{part}").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match=rf"no volumes .*knee_singlecoil_{part}.*both parts"):
        fastmri.prepare(raw, tmp_path / "prepared")
    assert not (tmp_path / "prepared").exists()


def test_a_truncated_volume_is_named(raw: Path, tmp_path: Path) -> None:
    path = raw / "knee_singlecoil_val" / "file1.h5"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match=r"file1\.h5: cannot be read as HDF5: .*truncated"):
        fastmri.prepare(raw, tmp_path)


@pytest.mark.parametrize("name", ["kspace", "reconstruction_esc"])
def test_a_missing_data_set_is_named(raw: Path, tmp_path: Path, name: str) -> None:
    with h5py.File(raw / "knee_singlecoil_train" / "file1.h5", "a") as file:
        del file[name]
    with pytest.raises(ValueError, match=rf"file1\.h5: no data set '{name}'"):
        fastmri.prepare(raw, tmp_path)


def test_unequal_numbers_of_slices_are_named(raw: Path, tmp_path: Path) -> None:
    with h5py.File(raw / "knee_singlecoil_train" / "file1.h5", "a") as file:
        del file["reconstruction_esc"]
        file["reconstruction_esc"] = np.zeros((1, SIDE, SIDE), np.float32)
    with pytest.raises(ValueError, match=r"file1\.h5: kspace \(3, 16, 14\) and .*\(1, 8, 8\)"):
        fastmri.prepare(raw, tmp_path)


def test_other_numbers_of_slices_than_the_workload_has_are_refused(
    source: FastMRI, workload: Workload, tmp_path: Path
) -> None:
    workload.splits.test = 9
    with pytest.raises(SpecError, match=r"1 volumes of test have 4 slices, .* expects 9"):
        FastMRI(workload, tmp_path / "prepared")


def test_unprepared_data_names_the_command_to_run(workload: Workload, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"fastmri is not prepared: .*tandem data check fastmri"):
        FastMRI(workload, tmp_path)


def test_check_counts_what_is_there(raw: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    assert [part.state for part in fastmri.check(prepared)] == ["missing"] * 3
    fastmri.prepare(raw, prepared)
    parts = {part.name: part for part in fastmri.check(prepared)}
    # All three volumes of the small validation folder are among the first hundred.
    assert [(part.state, part.count) for part in parts.values()] == [
        ("partial", 5),
        ("partial", 7),
        ("missing", 0),
    ]
    assert parts["train"].expected == 34742
    train = raw / "knee_singlecoil_train"
    assert parts["train"].num_bytes == sum(path.stat().st_size for path in train.iterdir())
    (train / "file1.h5").unlink()
    part = fastmri.check(prepared)[0]
    assert part.count == 2 and "1 listed volumes are gone" in part.detail
    (prepared / "volumes.json").write_text("{}")
    assert "prepare it again" in fastmri.check(prepared)[0].detail
