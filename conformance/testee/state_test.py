"""What a PyTorch submission goes on from is all in its checkpoint: nothing hides in an object. (In JAX
the state is a pytree, of which everything is saved.)
"""

from typing import Any

import numpy as np
import pytest
import torch

from backends.pytorch import checkpoint
from conformance.arrays import Arrays
from conformance.testee import testee_pytorch
from conformance.testee.course import Course, point_of
from conformance.testee.gradient_field import PlacedField
from harness.submission import names
from spec import loading

torch.set_num_threads(1)  # on arrays this small threads wait for each other

STEPS = 8
# So that what begins late takes part.
EARLY: dict[str, dict[str, Any]] = {
    "caspr": {"precondition_frequency": 2, "start_step": 3},
    "distributed_shampoo": {"precondition_frequency": 2},
}


@pytest.fixture(scope="module")
def field() -> PlacedField:
    testee = testee_pytorch.open_testee()
    workload = testee.open_field(loading.load_workload("tiny/mnist"))
    return PlacedField(testee, workload, 0, "float32")


@pytest.mark.parametrize("name", names())
def test_a_checkpoint_has_all_of_the_state(name: str, field: PlacedField) -> None:
    whole = started(name, field)
    walk(whole, field, range(STEPS // 2))
    walk(whole, field, range(STEPS // 2, STEPS))
    first = started(name, field)
    walk(first, field, range(STEPS // 2))
    parts = testee_pytorch.open_testee().source(name).manifest.state
    saved = checkpoint.save(field.workload, first.params, first.model_state, first.optimizer, parts)
    second = started(name, field)
    second.params, second.model_state, second.optimizer = checkpoint.restore(
        field.workload, *saved, second.params, second.model_state, second.optimizer, parts
    )
    walk(second, field, range(STEPS // 2, STEPS))
    assert_equal(second.parameters(), whole.parameters())


def started(name: str, field: PlacedField) -> Course:
    testee = testee_pytorch.open_testee()
    source = testee.source(name)
    point = point_of(source, 1, EARLY.get(name))
    course = Course(testee, field.workload, testee.functions(source), point, seed=0)
    course.start(*field.workload.import_model(field.start, field.state))
    return course


def walk(course: Course, field: PlacedField, steps: range) -> None:
    """Steps, after which the parameters are prepared for an evaluation."""
    for step in steps:
        course.step(step, iter([field.batch(step)]))
    course.prepare_for_eval(steps[-1])


def assert_equal(first: Arrays, second: Arrays) -> None:
    for key, array in second.items():
        np.testing.assert_array_equal(first[key], array, err_msg=key)
