"""Every reference submission is the same algorithm in both frameworks, on the same gradients."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conformance import port, port_report, runner
from harness.submission import names

# Factors of few gradients are singular, and the published eps is below what float32 resolves there.
CHANGES = {("distributed_shampoo", "float32"): {"epsilon": 1e-2}}
# Submissions that look at rows and columns, on workloads with convolutions and attention.
LAYOUTS = [
    (name, workload)
    for name in ("adafactor", "distributed_shampoo")
    for workload in ("tiny/fastmri", "tiny/imagenet_vit")
]


@pytest.fixture(scope="module")
def testees() -> Iterator[list[runner.Process]]:
    with runner.processes() as running:
        yield running


@pytest.mark.parametrize("dtype", port.BOUNDS)
@pytest.mark.parametrize("name", names())
def test_both_sides_are_the_same_algorithm(
    name: str, dtype: str, testees: list[runner.Process]
) -> None:
    changes = CHANGES.get((name, dtype), {})
    check(name, port.Question("tiny/mnist", dtype, changes=changes), testees)


@pytest.mark.parametrize(("name", "workload"), LAYOUTS)
def test_both_sides_see_the_same_rows_and_columns(
    name: str, workload: str, testees: list[runner.Process]
) -> None:
    # Few steps, so roots are needed early, of factors that are singular then.
    changes = {"precondition_frequency": 5, "epsilon": 1e-2}
    changes = changes if name == "distributed_shampoo" else {}
    check(name, port.Question(workload, "float64", num_steps=12, changes=changes), testees)


def check(name: str, question: port.Question, testees: list[runner.Process]) -> None:
    first, second = port.courses(testees, [name, name], question)
    out = [d for d in port.compare(first, second, question.bound) if not d.passed(question.bound)]
    assert not out, out[0]
    moved = [rows[-1] - rows[0] for name, rows in second.items() if name.startswith("parameter/")]
    assert all(np.any(way) for way in moved)


@pytest.mark.parametrize(
    ("place", "expected"), [((3, 0), (3, False)), ((0, 1), (1, False)), (None, (None, True))]
)
def test_the_first_step_out_of_bound_is_found(
    place: tuple[int, int] | None, expected: tuple[int | None, bool]
) -> None:
    course = np.arange(5.0)[:, None] * np.ones(4)
    other = course.copy()
    if place == (0, 1):
        other[1:] *= 1 + 1e-8  # a relative difference of the way moved, from the first step on
    elif place:
        other[place] += 1e-5
    first, second = ({"parameter/p": c, "evaluated/p": c[1:]} for c in (other, course))
    (difference,) = port.compare(first, second, bound=1e-9)
    assert (difference.first_step, difference.passed(1e-9)) == expected


def test_what_floats_cannot_resolve_is_no_difference() -> None:
    start = np.ones((3, 4), np.float32)
    moved, other = start.copy(), start.copy()
    moved[1:] += np.float32(1e-6)
    other[1:] += np.float32(1.1e-6)  # one unit in the last place apart, a tenth of the way moved
    first, second = ({"parameter/p": c, "evaluated/p": c[1:]} for c in (other, moved))
    bound = port.BOUNDS["float32"]
    assert port.compare(first, second, bound)[0].passed(bound)


def test_parameters_for_evaluation_count() -> None:
    course = np.arange(5.0)[:, None] * np.ones(4)
    first = {"parameter/p": course, "evaluated/p": course[1:] + 1e-3}
    second = {"parameter/p": course, "evaluated/p": course[1:]}
    (difference,) = port.compare(first, second, bound=1e-9)
    assert not difference.passed(1e-9) and difference.first_step is None


def test_the_command_says_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "port.json"
    arguments = ["adamw", "nadamw", "--workload", "tiny/mnist", "--dtype", "float64"]
    changes = ["--set", "weight_decay=0.0", "--json", str(out)]
    assert port_report.main([*arguments, "--steps", "16", *changes]) == 1
    assert "the PyTorch side is not AdamW" in capsys.readouterr().out
    (found,) = json.loads(out.read_text())["checks"]
    assert found["submissions"] == {"jax": "adamw", "pytorch": "nadamw"}
    assert len(found["parameters"]) == 4
    assert set(found["parameters"][0]) == {f.name for f in dataclasses.fields(port.Difference)}
