"""Summaries, and reading files of golden vectors."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.golden import vectors as golden_vectors
from conformance.golden.vectors import Summary
from spec.loading import SpecError
from spec.models_pb2 import ResNet


def test_summary_of_a_small_array() -> None:
    summary = golden_vectors.of_array(np.array([[3, 4]], np.float32))
    assert summary == Summary((2,), 7.0, 5.0, (3.0, 4.0))


def test_error_is_the_largest_of_the_three() -> None:
    golden = Summary((4,), 0.0, 2.0, (1.0, 1.0))
    assert golden_vectors.error(golden, golden) == 0
    assert golden_vectors.error(Summary((4,), 0.4, 2.0, (1.0, 1.0)), golden) == pytest.approx(0.1)
    assert golden_vectors.error(Summary((4,), 0.0, 2.2, (1.0, 1.0)), golden) == pytest.approx(0.1)
    off = Summary((4,), 0.0, 2.0, (1.0, 1.2))
    assert golden_vectors.error(off, golden) == pytest.approx(0.2 / math.sqrt(2))


def test_error_is_infinite_for_another_shape_and_for_nan() -> None:
    golden = golden_vectors.of_array(np.ones(4))
    assert golden_vectors.error(golden_vectors.of_array(np.ones(5)), golden) == math.inf
    assert golden_vectors.error(golden_vectors.of_array(np.full(4, np.nan)), golden) == math.inf


def test_floor_is_the_least_scale() -> None:
    golden = Summary((1,), 0.0, 0.0, (0.0,))
    noise = Summary((1,), 1e-9, 1e-9, (1e-9,))
    assert golden_vectors.error(noise, golden) == math.inf
    assert golden_vectors.error(noise, golden, floor=1e-3) == pytest.approx(1e-6)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40))
def test_summaries_survive_the_way_through_a_file(values: list[float]) -> None:
    summary = golden_vectors.of_array(np.array([values], np.float32))
    arrays = golden_vectors.to_arrays({"x": summary})
    assert golden_vectors.from_array(arrays["x"]) == summary


def write(path: Path, **fields: object) -> Path:
    blank: dict[str, object] = {"workload": "mnist", "base": "mnist"}
    blank |= {"params": {}, "batch_stats": {}, "eval": {}, "train": {}}
    path.write_text(json.dumps(blank | fields))
    return path


def test_the_name_says_what_is_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "cifar__pad11.json", workload="cifar", base="cifar")
    assert golden_vectors.read(path).workload.model.resnet.padding == ResNet.SYMMETRIC
    for name, known_as in {"cifar": "cifar", "any": "cifar", "any__new": "cifar__new"}.items():
        path = write(tmp_path / f"{name}.json", workload="cifar", base="cifar")
        vectors = golden_vectors.read(path)
        assert vectors.name == known_as
        assert vectors.workload.model.resnet.padding == ResNet.SAME


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("mnist", {"workload": "minst"}, "Did you mean mnist"),
        ("mnist", {"params": None}, "not a file of golden vectors"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, name: str, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        golden_vectors.read(write(tmp_path / f"{name}.json", **fields))


def test_what_is_not_understood_is_not_dropped(tmp_path: Path) -> None:
    vectors = golden_vectors.read(write(tmp_path / "mnist.json", eval={"new_thing": [1]}))
    assert dict(golden_vectors.expected(vectors)) == {"eval/new_thing": None}
