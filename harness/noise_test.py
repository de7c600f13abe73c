from collections.abc import Sequence

import pytest

from harness import noise


class Machine:
    """Work of some seconds a step, which passes when somebody waits; then times a factor, in turn."""

    def __init__(self, step_sec: float, factors: Sequence[float] = ()):
        self.time = self.pending = 0.0
        self.step_sec = step_sec
        self.factors = [
            1.0,
            1.0,
            1.0,
            *factors,
        ]  # of the pieces that are not counted, then of others

    def step(self, previous: int | None) -> int:
        if previous is None:
            return 0
        self.pending += self.step_sec
        return previous + 1

    def synchronize(self, state: int) -> None:
        assert state > 0
        self.time += self.pending * (self.factors.pop(0) if self.factors else 1.0)
        self.pending = 0.0


@pytest.mark.parametrize(("step_sec", "piece_sec"), [(0.5, 0.5), (0.004, 0.052), (0.0005, 0.05)])
def test_a_steady_machine(step_sec: float, piece_sec: float) -> None:
    machine = Machine(step_sec)
    found = noise.check(machine.step, machine.synchronize, lambda: machine.time)
    assert list(found.seconds) == pytest.approx([piece_sec] * noise.REPETITIONS)
    assert found.spread == pytest.approx(0, abs=1e-9)


def test_spread_is_of_longest_and_shortest_to_the_median() -> None:
    machine = Machine(0.5, [2, 1, 2, 4, 2, 2, 2])
    found = noise.check(machine.step, machine.synchronize, lambda: machine.time)
    assert list(found.seconds) == pytest.approx([1.0, 0.5, 1.0, 2.0, 1.0, 1.0, 1.0])
    assert found.spread == pytest.approx(1.5)
