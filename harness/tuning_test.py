import json
import math
from pathlib import Path

import numpy as np
import pytest

from harness import tuning
from harness.errors import UsageError

# Measured on the official construction, before its shuffle.
GOLDEN_2D = [
    (0.2739744372653363, 0.28612427728381884),
    (0.9911667058309517, 0.8300193327833143),
    (0.23023079535282354, 0.36079632571974196),
    (0.3757038370618775, 0.47482256184486826),
    (0.47539864886248795, 0.87441892915062),
]


def test_golden_points() -> None:
    np.testing.assert_allclose(tuning.halton(5, 2), GOLDEN_2D, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("count", "bases"), [(1, [991]), (3, [977, 983, 991]), (7, [947, 953, 967, 971, 977, 983, 991])]
)
def test_golden_bases(count: int, bases: list[int]) -> None:
    assert tuning._bases(count) == bases


def test_fewer_points_are_a_prefix_of_more() -> None:
    np.testing.assert_array_equal(tuning.halton(20, 3)[:5], tuning.halton(5, 3))


def test_scales() -> None:
    space = {
        "rate": {"min": 1e-4, "max": 1e-2, "scaling": "log"},
        "decay": {"min": 2, "max": 4, "scaling": "linear"},
    }
    for point, (u, v) in zip(tuning.draw_points(space, 5), GOLDEN_2D, strict=True):
        assert point["rate"] == pytest.approx(10 ** (-4 + 2 * u), rel=1e-12)
        assert point["decay"] == pytest.approx(2 + 2 * v, rel=1e-12)
    space = {"size": {"feasible_points": ["a", "b", "c"]}}
    column = tuning.halton(50, 1)[:, 0]
    expected = ["abc"[math.floor(u * 3)] for u in column]
    assert [point["size"] for point in tuning.draw_points(space, 50)] == expected


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "space.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_order_of_trials_follows_from_the_seed(tmp_path: Path) -> None:
    path = write(tmp_path, {"rate": {"min": 0, "max": 1, "scaling": "linear"}})
    orders = [[p["rate"] for p in tuning.read_points(path, 5, seed)] for seed in (0, 0, 1, 2)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2] or orders[0] != orders[3]
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(tuning.halton(5, 1)[:, 0]))}


def test_a_list_is_used_as_it_is(tmp_path: Path) -> None:
    points = [{"a": 1, "b": 2}, {"b": 3, "a": 4}, {"a": 5, "b": 6}]
    assert tuning.read_points(write(tmp_path, points), 2, 0) == points[:2]
    assert tuning.read_points(write(tmp_path, points), 5, 0) == points


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ('[{"a": Infinity}]', "Infinity is no finite number"),
        ('[{"a": -1e999}]', "-1e999 is no finite number"),
        ('[{"a": 1' + 400 * "0" + "}]", "is no finite number"),
        ('[{"a": "\\udcff"}]', "surrogates not allowed"),
        (100_000 * "[", "recursion"),
        ({}, "expected a list of points or an object of ranges"),
        (3, "expected a list of points or an object of ranges"),
        ([], "the list has no points"),
        ([{"a": 1}, {"b": 1}], "point 2 is {'b': 1}, expected an object with a"),
        ([1], "point 1 is 1, expected an object"),
        ({"rate": {"min": 0, "max": 1, "scaling": "log"}}, "rate is from 0 to 1 on a log scale"),
        (
            {"rate": {"min": "0", "max": 1}},
            "rate is {'min': '0', 'max': 1}, expected feasible_points",
        ),
        ({"rate": {"feasible_points": []}}, "expected feasible_points"),
    ],
)
def test_bad_files_get_one_line(tmp_path: Path, content: object, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        tuning.read_points(path, 5, 0)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere.json: No such file"):
        tuning.read_points(tmp_path / "nowhere.json", 5, 0)


def test_points_become_objects() -> None:
    point = tuning.as_object({"learning_rate": 0.1})
    assert point.learning_rate == 0.1
    assert not hasattr(point, "dropout_rate")
    with pytest.raises(UsageError, match="one-two"):
        tuning.as_object({"one-two": 1})
