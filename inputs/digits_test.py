import gzip
from pathlib import Path

import numpy as np
import pytest

from inputs import digits, pipeline
from spec import loading
from spec.loading import SpecError
from spec.workload_pb2 import Workload

WORKLOAD = loading.load_workload("digits_vit")


def test_more_examples_than_there_are_digits_are_refused() -> None:
    workload = Workload()
    workload.CopyFrom(WORKLOAD)
    workload.splits.train = 5000
    with pytest.raises(SpecError, match="have 5600 examples, expected at most 1797"):
        digits.open_source(workload)


def test_the_splits_hold_every_digit_once() -> None:
    source = pipeline.open_source(WORKLOAD)
    splits = ("train", "validation", "test")
    assert [source.num_examples(split) for split in splits] == [1197, 300, 300]
    batches = [source.batch(s, np.arange(source.num_examples(s)), None) for s in splits]
    labels = np.concatenate([batch["targets"] for batch in batches])
    # Digits of each class in the file, as its description counts them.
    np.testing.assert_array_equal(
        np.bincount(labels), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    )
    images = np.concatenate([batch["inputs"] for batch in batches])
    assert images.shape == (1797, 8, 8, 1) and images.dtype == np.float32
    assert images.min() == 0 and images.max() == 1
    assert len(np.unique(images.reshape(1797, -1), axis=0)) == 1797


def test_shifting_moves_pixels_and_fills_with_zeros() -> None:
    image = np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3, 1)
    stay, down = np.array([[1, 1]]), np.array([[0, 1]])
    np.testing.assert_array_equal(digits.shifted(image, stay, 1), image)
    moved = digits.shifted(image, down, 1)[0, :, :, 0]
    np.testing.assert_array_equal(moved, [[0, 0, 0], [1, 2, 3], [4, 5, 6]])


def test_training_images_are_shifted_where_the_workload_says_so() -> None:
    workload = Workload()
    workload.CopyFrom(WORKLOAD)
    workload.dataset.digits.max_shift = 1
    source = pipeline.open_source(workload)
    assert source.noise_size == 2
    centre = np.full((4, 2), 0.5, np.float32)
    corner = np.zeros((4, 2), np.float32)
    plain = source.batch("train", np.arange(4), None)["inputs"]
    np.testing.assert_array_equal(source.batch("train", np.arange(4), centre)["inputs"], plain)
    moved = source.batch("train", np.arange(4), corner)["inputs"]
    np.testing.assert_array_equal(moved[:, 1:, 1:], plain[:, :-1, :-1])


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress(b"0.0," * 64 + b"1\n"))
    monkeypatch.setattr(digits, "_packaged_file", lambda: path)
    with pytest.raises(SpecError, match="ships another digits file: SHA-256"):
        digits.open_source(WORKLOAD)


def test_without_scikit_learn_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SpecError, match="scikit-learn, which is not installed"):
        digits.open_source(WORKLOAD)
