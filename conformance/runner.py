"""Runs cases: asks both backends, compares, and says what passed."""

import fnmatch
import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance import comparison
from conformance.arrays import Arrays
from conformance.processes import Process, TesteeError
from spec import loading
from spec.conformance_pb2 import (
    DATA,
    FORWARD,
    FULL,
    GRADIENT,
    METRICS,
    PARAMETERS,
    STATE,
    TRAJECTORY,
    Case,
    Level,
    Measurement,
    WorkloadReport,
)

CASES = Path(__file__).resolve().parent / "cases"
LEVELS = (PARAMETERS, DATA, FORWARD, GRADIENT, STATE, METRICS, TRAJECTORY)

NOTHING = "nothing to compare"


def case_names() -> list[str]:
    """Workloads that have a case, sorted."""
    return sorted(str(p.relative_to(CASES).with_suffix("")) for p in CASES.rglob("*.textproto"))


def load_case(workload: str) -> Case:
    """The case of a workload; SpecError if there is none or it breaks a rule."""
    loading.one_of(workload, case_names(), "conformance case")
    path = CASES / f"{workload}.textproto"
    case = loading.checked(loading.read_message(path, Case), path)
    if case.workload != workload:
        raise loading.SpecError(f"{path}: workload is {case.workload!r}, expected {workload!r}")
    return case


def arguments(case: Case, question: str) -> dict[str, Any]:
    """What a question about a case is asked with."""
    specific: dict[str, dict[str, Any]] = {
        "parameters": {},
        "metrics": {},
        "data": {"batch_size": case.batch_size, "num_batches": case.num_batches},
        "forward": {
            "batch_size": case.batch_size,
            "dropout_rate": case.dropout_rate,
            "label_smoothing": case.label_smoothing,
            "stand_in": case.scale == FULL,
            "exact": comparison.exact_type(case),
        },
        "trajectory": {
            "submission": case.submission,
            "trial": case.trial,
            "num_steps": case.num_steps,
        },
    }
    return {"workload": case.workload, "seed": case.seed, **specific[question]}


def ask(testees: Sequence[Process], case: Case, question: str) -> list[Arrays]:
    """The answers of all testees, which work at the same time unless the case is large."""
    asked = arguments(case, question)
    if case.scale == FULL:
        return [testee.ask(question, **asked) for testee in testees]
    for testee in testees:
        testee.send(question, **asked)
    answers, errors = [], []
    for testee in testees:  # all are read: one left over would be taken for the next question's
        try:
            answers.append(testee.receive())
        except TesteeError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return answers


def run_case(
    testees: Sequence[Process], case: Case, levels: Sequence[Level] = LEVELS
) -> WorkloadReport:
    """Compares two testees on the levels of one case."""
    start = time.monotonic()
    report = WorkloadReport(workload=case.workload, backends=[t.backend for t in testees])
    levels = [level for level in levels if level in (case.levels or LEVELS)]
    for question, group in itertools.groupby(levels, lambda level: comparison.QUESTIONS[level][0]):
        answered = list(group)
        try:
            report.measurements.extend(_compared(testees, case, question, answered))
        except TesteeError as error:
            report.not_run.update(dict.fromkeys(map(Level.Name, answered), str(error)))
    apply_known_failures(case, report, levels)
    report.wall_sec = time.monotonic() - start
    return report


def _compared(
    testees: Sequence[Process], case: Case, question: str, levels: Sequence[Level]
) -> list[Measurement]:
    """The levels that one question answers. The answers, which may be gigabytes, are not kept."""
    answers = ask(testees, case, question)
    compared = (comparison.compare(level, case, *answers) or [_nothing(level)] for level in levels)
    return list(itertools.chain.from_iterable(compared))


def _nothing(level: Level) -> Measurement:
    """A level of which neither backend has anything, such as statistics without batch norm."""
    return Measurement(level=level, quantity=NOTHING, passed=True)


def apply_known_failures(case: Case, report: WorkloadReport, levels: Sequence[Level]) -> None:
    """Marks measurements that fail as listed, and adds a failing one for every entry that does not
    hold any more.
    """
    by_place = {(m.level, m.quantity): m for m in report.measurements}
    for known in case.known_failures:
        if known.level not in levels:
            continue
        found = by_place.get((known.level, known.quantity))
        if (
            found is not None
            and not found.passed
            and known.message in failure_line(case.workload, found)
        ):
            found.known_failure = True
            continue
        state = "is not there" if found is None else "passes" if found.passed else "fails otherwise"
        report.measurements.append(
            Measurement(
                level=known.level,
                quantity=f"known failure: {known.quantity}",
                detail=f"listed as failing with {known.message!r}, but it {state}: mend the list",
            )
        )


def passed(report: WorkloadReport) -> bool:
    """Whether every level ran and every quantity passed or failed as listed."""
    return not report.not_run and all(m.passed or m.known_failure for m in report.measurements)


def failure_line(workload: str, m: Measurement) -> str:
    """One line that says where a failure is: workload, level, quantity, error, bound, both values."""
    error = f"error {m.error:.3g} > bound {m.bound:.3g}"
    return f"{workload} {Level.Name(m.level)} {m.quantity}: {error}; {m.detail}"


def title(report: WorkloadReport) -> str:
    """The workload, and the backend where there is but one, as with golden vectors."""
    alone = f" ({report.backends[0]})" if len(report.backends) == 1 else ""
    return f"{report.workload}{alone}"


def failures(report: WorkloadReport) -> list[str]:
    """A line for every quantity that fails and is not listed, and for every level that did not run."""
    lines = [
        failure_line(report.workload, m)
        for m in report.measurements
        if not m.passed and not m.known_failure
    ]
    return lines + [
        f"{report.workload} {level}: not run: {reason}" for level, reason in report.not_run.items()
    ]


def worst(report: WorkloadReport) -> Mapping[Level, Measurement]:
    """For each level the measurement with the largest error over bound, failures first."""
    result: dict[Level, Measurement] = {}
    for m in report.measurements:
        if m.level not in result or badness(m) > badness(result[m.level]):
            result[m.level] = m
    return result


def badness(m: Measurement) -> tuple[bool, float]:
    """Orders measurements: failures last, then by error over bound."""
    return not m.passed, m.error / m.bound if m.bound else m.error


def select(patterns: Sequence[str]) -> list[str]:
    """Names of the cases that fit any of the shell patterns; SpecError for one that none fits."""
    names = case_names()
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            loading.one_of(pattern, names, "conformance case")
    return [name for name in names if any(fnmatch.fnmatchcase(name, p) for p in patterns)]
