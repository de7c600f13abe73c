import sys
from typing import Any

import pytest

from conformance import processes, runner
from spec.conformance_pb2 import FORWARD, STATE, Case, KnownFailure, Measurement, WorkloadReport
from spec.loading import SpecError


def measurement(**values: Any) -> Measurement:
    fields: dict[str, Any] = {"level": FORWARD, "quantity": "eval/logits", "bound": 1e-5}
    return Measurement(**fields | values)


FAILING = measurement(error=1e-3, detail="at [0]: 1.0 against 2.0")
PASSING = measurement(error=1e-7, passed=True)
KNOWN = KnownFailure(level=FORWARD, quantity="eval/logits", message="1.0 against 2.0")


def checked(measured: Measurement, known: KnownFailure) -> WorkloadReport:
    result = WorkloadReport(workload="w", measurements=[measured])
    runner.apply_known_failures(Case(known_failures=[known]), result, [FORWARD])
    return result


def test_a_failure_fails() -> None:
    assert not runner.passed(WorkloadReport(measurements=[FAILING]))
    assert runner.passed(WorkloadReport(measurements=[PASSING]))
    assert not runner.passed(WorkloadReport(measurements=[PASSING], not_run={"STATE": "crash"}))


def test_a_listed_failure_is_known() -> None:
    result = checked(FAILING, KNOWN)
    assert runner.passed(result) and result.measurements[0].known_failure


def test_a_listed_failure_that_passes_fails() -> None:
    result = checked(PASSING, KNOWN)
    assert not runner.passed(result)
    assert "but it passes: mend the list" in result.measurements[-1].detail


def test_a_listed_failure_that_fails_otherwise_fails() -> None:
    other = KnownFailure(level=FORWARD, quantity="eval/logits", message="3.0 against 4.0")
    result = checked(FAILING, other)
    assert not runner.passed(result)
    assert "but it fails otherwise" in result.measurements[-1].detail


def test_a_listed_failure_that_is_gone_fails_and_others_levels_do_not_count() -> None:
    gone = KnownFailure(level=FORWARD, quantity="eval/other", message="x")
    assert "but it is not there" in checked(PASSING, gone).measurements[-1].detail
    elsewhere = KnownFailure(level=STATE, quantity="state/x", message="x")
    assert runner.passed(checked(PASSING, elsewhere))


def test_a_failures_line_says_where_and_how_much() -> None:
    line = runner.failure_line("w", FAILING)
    assert line == "w FORWARD eval/logits: error 0.001 > bound 1e-05; at [0]: 1.0 against 2.0"


def test_the_worst_of_a_level_is_a_failure_if_there_is_one() -> None:
    worst = runner.worst(
        WorkloadReport(measurements=[FAILING, measurement(error=9, bound=10, passed=True)])
    )
    assert not worst[FORWARD].passed


def test_unknown_workloads_are_answered_with_the_cases() -> None:
    with pytest.raises(SpecError, match=r"unknown conformance case 'nothing'.*digits_vit"):
        runner.select(["digits_vit", "nothing"])
    assert "digits_vit" in runner.select(["digits_*"])


def process_of(code: str) -> processes.Process:
    return processes.Process("other", [sys.executable, "-c", code])


def test_only_a_cases_own_levels_are_run() -> None:
    case = Case(workload="any", levels=[STATE])
    assert list(runner.run_case([], case, [FORWARD]).not_run) == []
    assert list(runner.run_case([], case, [FORWARD]).measurements) == []


def test_the_answer_beside_a_failed_one_is_not_taken_for_the_next_questions() -> None:
    serve = """
import json, sys
import numpy as np
for line in sys.stdin:
    request = json.loads(line)
    np.savez(request["out"], question=np.array(request["question"]))
    print(json.dumps({"ok": FAILING != request["question"], "error": "no"}), flush=True)
"""
    running = [process_of(serve.replace("FAILING", failing)) for failing in ("'data'", "''")]
    case = runner.load_case("tiny/mnist")
    with pytest.raises(processes.TesteeError, match="no"):
        runner.ask(running, case, "data")
    answers = runner.ask(running, case, "metrics")
    for process in running:
        process.close()
    assert [str(answer["question"]) for answer in answers] == ["metrics", "metrics"]


def test_a_level_that_cannot_be_run_is_reported() -> None:
    code = 'import sys\nfor line in sys.stdin: print(\'{"ok": false, "error": "no such"}\', flush=True)'
    process = process_of(code)
    case = runner.load_case("digits_vit")
    result = runner.run_case([process, process], case, [FORWARD])
    process.close()
    assert result.not_run == {"FORWARD": "no such"}
    assert not runner.passed(result)
