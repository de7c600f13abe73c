"""Training that begins in one framework goes on in the other from the same checkpoint: every reference
submission's state, written down under the names of its manifest, is all that it needs.
"""

import contextlib
from typing import Any

import numpy as np
import pytest
import torch

from backends.jax import checkpoint as jax_checkpoint
from backends.pytorch import checkpoint as pytorch_checkpoint
from conformance.arrays import Arrays, stacked
from conformance.port import port
from conformance.testee import testee_jax, testee_pytorch
from conformance.testee.course import Course, point_of
from conformance.testee.gradient_field import PlacedField
from conformance.testee.testee import Testee
from harness import conversion
from harness.checkpoint import CONVERTED
from harness.submission import names
from spec import loading

torch.set_num_threads(1)  # on arrays this small threads wait for each other

HALF = 5
CHECKPOINTS: dict[str, Any] = {"jax": jax_checkpoint, "pytorch": pytorch_checkpoint}
# So that what begins late takes part in both halves.
EARLY: dict[str, dict[str, Any]] = {
    "ademamix": {"alpha_warmup": 10, "beta3_warmup": 10},
    "caspr": {"precondition_frequency": 2, "start_step": 3},
    "distributed_shampoo": {"precondition_frequency": 2, "epsilon": 1e-2},
}
# Stacked tensors, attention and transposed convolutions, for those that keep more than a like of each
# parameter; otherwise what is quickest.
WORKLOADS = {
    "adafactor": "tiny/librispeech_deepspeech",
    "amos": "tiny/finewebedu_lm",
    "lawa_queue": "tiny/fastmri_model_size",
    "muon": "tiny/librispeech_deepspeech",
    "nadamw": "tiny/fastmri_model_size",
}


class Side:
    """A submission on a gradient field in one framework."""

    def __init__(self, framework: str, name: str):
        self.framework = framework
        self.testee = _testee(framework)
        source = self.testee.source(name)
        self.parts = source.manifest.state
        message = loading.load_workload(WORKLOADS.get(name, "tiny/mnist"))
        self.field = PlacedField(self.testee, self.testee.open_field(message), 0, "float64")
        point = point_of(source, 1, EARLY.get(name))
        workload, module = self.field.workload, self.testee.functions(source)
        self.course = Course(self.testee, workload, module, point, seed=0)
        self.course.start(*workload.import_model(self.field.start, self.field.state))

    def half(self, first: int) -> list[Arrays]:
        """The parameters after each of HALF steps, and then as they are evaluated."""
        found = []
        for step in range(first, first + HALF):
            self.course.step(step, iter([self.field.batch(step)]))
            found.append(self.course.parameters())
        self.course.prepare_for_eval(first + HALF - 1)
        return [*found, self.course.parameters()]

    def save(self) -> Arrays:
        course = self.course
        how = (course.params, course.model_state, course.optimizer, self.parts)
        arrays: Arrays = CHECKPOINTS[self.framework].save(self.field.workload, *how)[0]
        return {name: array.copy() for name, array in conversion.shared(arrays, self.parts).items()}

    def restore(self, arrays: Arrays) -> None:
        """Takes over what the other side saved. What this side has trained itself is overwritten."""
        course = self.course
        how = (course.params, course.model_state, course.optimizer, self.parts)
        course.params, course.model_state, course.optimizer = CHECKPOINTS[self.framework].restore(
            self.field.workload, arrays, CONVERTED, *how
        )


def _testee(framework: str) -> Testee:
    return {"jax": testee_jax, "pytorch": testee_pytorch}[framework].open_testee()


@pytest.mark.parametrize("name", names())
def test_training_goes_on_in_the_other_framework(name: str) -> None:
    with contextlib.ExitStack() as stack:
        for framework in CHECKPOINTS:
            stack.enter_context(_testee(framework).float64())
        sides = [Side(framework, name) for framework in CHECKPOINTS]
        starts = [side.course.parameters() for side in sides]
        first = [side.half(0) for side in sides]
        saved = [side.save() for side in sides]
        second = [side.half(HALF) for side in sides]
        check_alike(saved[0], saved[1])
        for number, side in enumerate(sides):
            side.restore(saved[number])
            again, other = side.save(), 1 - number
            assert all(
                again[key].tobytes() == array.tobytes() for key, array in saved[number].items()
            )
            side.restore(saved[other])
            check_alike(side.save(), saved[other])
            whole = [starts[other], *first[other], *second[other]]
            converted = [starts[other], *first[other], *side.half(HALF)]
            check(converted, whole)
            check(converted, [starts[number], *first[number], *second[number]])


def check(course: list[Arrays], other: list[Arrays]) -> None:
    """The differences of two courses, against how far the parameters have moved, are in bound."""
    first, second = (
        {
            f"{kind}/{name}": rows
            for name, rows in stacked(c).items()
            for kind, rows in (("parameter", rows), ("evaluated", rows[-1:]))
        }
        for c in (course, other)
    )
    bound = port.BOUNDS["float64"]
    assert not [d for d in port.compare(first, second, bound) if not d.passed(bound)]


def check_alike(first: Arrays, second: Arrays) -> None:
    """The same arrays under the same names, to rounding and whatever the type of a number."""
    assert first.keys() == second.keys()
    for name, array in first.items():
        scale = float(np.abs(array).max(initial=0))
        other = second[name]
        np.testing.assert_allclose(array, other, rtol=1e-6, atol=1e-7 * scale, err_msg=name)
