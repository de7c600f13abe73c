"""Every reference submission is the same algorithm in both frameworks, on the same gradients."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance import processes
from conformance.port import command, port
from harness.submission import names

# Few parameters each; together matrices, vectors, an embedding and both kinds of convolutions.
WORKLOADS = ("tiny/mnist", "tiny/criteo1tb", "tiny/fastmri_model_size")
GROUNDS = [(dtype, workload) for dtype in ("float64", "float32") for workload in WORKLOADS]
# Models that JAX compiles quickly, for each submission anew.
MODELS = ("tiny/mnist", "tiny/criteo1tb", "tiny/ogbg")
CHANGES: dict[str, dict[str, Any]] = {
    # Factors of few gradients are singular, and roots amplify what the published eps hides from them.
    "distributed_shampoo": {"epsilon": 1e-2},
    # Both are published longer than any run.
    "ademamix": {"alpha_warmup": 100, "beta3_warmup": 100},
}
# So that what begins late takes part in few steps.
EARLY: dict[str, dict[str, Any]] = {
    "ademamix": {"alpha_warmup": 10, "beta3_warmup": 10},
    "caspr": {"precondition_frequency": 4, "start_step": 5},
    "distributed_shampoo": {"precondition_frequency": 5},
}
# In float32 y, x and z are computed from each other with a rounding at every step; over 200 steps that
# came to 5.4e-4 of the way of one bias, which in float64 is the same to 1e-9. Other formulas: 1.3e-3.
ROUNDED = {("schedule_free_adamw", "float32", "tiny/fastmri_model_size"): 1e-3}
# Those that look at rows, columns or whole parameters, on attention and on an LSTM's stacked tensors.
LAYOUTS = [
    (name, workload)
    for name in ("adafactor", "amos", "lamb", "muon")
    for workload in ("tiny/finewebedu_lm", "tiny/librispeech_deepspeech")
]


@pytest.fixture(scope="module")
def testees() -> Iterator[list[processes.Process]]:
    with processes.running() as running:
        yield running


# The last to change is the submission: processes keep the gradients of the last workload and type.
@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(("dtype", "workload"), GROUNDS)
def test_both_sides_are_the_same_algorithm(
    name: str, dtype: str, workload: str, testees: list[processes.Process]
) -> None:
    question = port.Question(workload, dtype, changes=CHANGES.get(name, {}))
    check(name, question, testees, ROUNDED.get((name, dtype, workload)))


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("workload", MODELS)
def test_both_sides_train_a_model_alike(
    name: str, workload: str, testees: list[processes.Process]
) -> None:
    steps, changes = port.END_TO_END_STEPS, EARLY.get(name, {})
    question = port.Question(workload, "float64", 1, steps, changes=changes, end_to_end=True)
    check(name, question, testees)


@pytest.mark.parametrize(("name", "workload"), LAYOUTS)
def test_both_sides_see_the_same_rows_and_columns(
    name: str, workload: str, testees: list[processes.Process]
) -> None:
    check(name, port.Question(workload, "float64", num_steps=12), testees)


def check(
    name: str, question: port.Question, testees: list[processes.Process], bound: float | None = None
) -> None:
    """`bound` stands in for the question's own."""
    bound = bound or question.bound
    first, second = port.courses(testees, [name, name], question)
    out = [d for d in port.compare(first, second, bound) if not d.passed(bound)]
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
    page = tmp_path / "port.html"
    changes = ["--set", "weight_decay=0.0", "--json", str(out), "--html", str(page)]
    assert command.main([*arguments, "--steps", "16", *changes]) == 1
    assert "the PyTorch side is not AdamW" in capsys.readouterr().out
    (found,) = json.loads(out.read_text())["checks"]
    assert found["submissions"] == {"jax": "adamw", "pytorch": "nadamw"}
    assert len(found["parameters"]) == 4 and "is not AdamW" in page.read_text()
    assert set(found["parameters"][0]) == {f.name for f in dataclasses.fields(port.Difference)}
