"""Tests of the tests: every deliberately wrong backend is caught, and the right one is not."""

from collections.abc import Iterator

import pytest

from conformance import comparison, processes, runner
from conformance.arrays import Arrays
from conformance.mutations.mutations import MUTATIONS, Mutation
from conformance.mutations.slips import SLIPS, Slip
from conformance.testee.testee_pytorch import PyTorchTestee
from spec.conformance_pb2 import PARAMETERS, Case, Level, Measurement
from spec.loading import SpecError

NUM_STEPS = 30  # of trajectories here; a wrong algorithm shows at once


class Reference:
    """The JAX backend's answers, each asked for once."""

    def __init__(self, process: processes.Process):
        self._process = process
        self._answers: dict[tuple[str, str], Arrays] = {}

    def answer(self, case: Case, question: str) -> Arrays:
        place = case.workload, question
        if place not in self._answers:
            self._answers[place] = runner.ask([self._process], case, question)[0]
        return self._answers[place]


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    with processes.running(["jax"]) as [process]:
        yield Reference(process)


def measured(reference: Reference, workload: str, level: Level) -> list[Measurement]:
    case = runner.load_case(workload)
    case.num_steps = NUM_STEPS
    question = comparison.QUESTIONS[level][0]
    mine = getattr(PyTorchTestee(), question)(**runner.arguments(case, question))
    return comparison.compare(level, case, mine, reference.answer(case, question))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_wrong_backend_is_caught(mutation: Mutation, reference: Reference) -> None:
    try:
        with mutation.patch():
            measurements = measured(reference, mutation.workload, mutation.level)
    except SpecError:  # the backend itself refuses a parameter list that is not the specification's
        assert mutation.level == PARAMETERS
        return
    failures = [m for m in measurements if not m.passed]
    assert failures, f"level {Level.Name(mutation.level)} does not see: {mutation.name}"


PLACES = sorted({(m.workload, m.level) for m in MUTATIONS})


@pytest.mark.parametrize(("workload", "level"), PLACES)
def test_the_right_backend_is_not(workload: str, level: Level, reference: Reference) -> None:
    failures = [m for m in measured(reference, workload, level) if not m.passed]
    assert not failures, [runner.failure_line(workload, m) for m in failures]


@pytest.mark.parametrize("slip", SLIPS, ids=lambda s: s.name)
def test_a_slip_outside_of_backends_is_caught(slip: Slip) -> None:
    assert slip.holds()
    with slip.patch():
        assert not slip.holds()
