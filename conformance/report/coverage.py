"""What a run of conformance says nothing about."""

from collections.abc import Iterator

from conformance import runner
from conformance.report import history
from spec import loading
from spec.conformance_pb2 import ConformanceReport, Level


def missing(report: ConformanceReport) -> Iterator[str]:
    """A line for each kind of gap between this report and every level of every workload, OFFICIAL aside,
    which is a command of its own.
    """
    cases = {name: runner.load_case(name) for name in runner.case_names()}
    ran = {workload.workload for workload in report.workloads}
    yield from _line("no case", [n for n in loading.names("workloads") if n not in cases])
    yield from _line("not in this run", [name for name in cases if name not in ran])
    for level in runner.LEVELS:
        left_out = [
            n for n in cases if n in ran and level not in (cases[n].levels or runner.LEVELS)
        ]
        yield from _line(f"{Level.Name(level).lower()} is left out by the case", left_out)
    asked = {m.level for w in report.workloads for m in w.measurements} | {
        Level.Value(level) for w in report.workloads for level in w.not_run
    }
    unasked = [Level.Name(level).lower() for level in runner.LEVELS if level not in asked]
    yield from _line("levels not in this run", unasked)
    unmeasured = [name for name in loading.names("hardware") if name not in history.results()]
    yield from _line("step time and memory, never recorded on", unmeasured)


def _line(what: str, names: list[str]) -> Iterator[str]:
    if names:
        yield f"{what}: {', '.join(names)}"
