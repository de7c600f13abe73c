"""Every tiny workload that has a case, at every level."""

from collections.abc import Iterator

import pytest

from conformance import processes, runner


@pytest.fixture(scope="module")
def testees() -> Iterator[list[processes.Process]]:
    with processes.running() as running:
        yield running


@pytest.mark.parametrize("workload", runner.select(["tiny/*"]))
def test_both_backends_are_the_same_experiment(
    workload: str, testees: list[processes.Process]
) -> None:
    report = runner.run_case(testees, runner.load_case(workload))
    assert not report.not_run
    failures = [m for m in report.measurements if not m.passed and not m.known_failure]
    assert not failures, [runner.failure_line(workload, m) for m in failures]
