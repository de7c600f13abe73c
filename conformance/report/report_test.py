import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from google.protobuf import json_format

from conformance import runner
from conformance.report import command, coverage, history, junit, page
from spec.conformance_pb2 import (
    FORWARD,
    GRADIENT,
    OFFICIAL,
    STATE,
    TRAJECTORY,
    ConformanceReport,
    KnownFailure,
    Measurement,
    WorkloadReport,
)
from spec.hardware_pb2 import BackendSpeed, HardwareReport, Seconds, WorkloadSpeed
from spec.loading import SpecError

FAILING = Measurement(
    level=GRADIENT,
    quantity="gradient/head.kernel",
    error=1e-3,
    bound=1e-4,
    detail="at [0, 2]: 1.0 against <2.0>",
)
KNOWN = Measurement(level=STATE, quantity="state/x", error=1, bound=1e-5, known_failure=True)
LOSS = Measurement(
    level=TRAJECTORY, quantity="loss", error=1e-7, bound=1e-6, passed=True, step_errors=[1e-8, 2e-7]
)
EQUAL = Measurement(level=FORWARD, quantity="eval/logits", bound=1e-5, passed=True)
REPORT = ConformanceReport(
    workloads=[
        WorkloadReport(
            workload="digits_vit",
            backends=["jax", "pytorch"],
            measurements=[EQUAL, FAILING, KNOWN, LOSS],
            not_run={"METRICS": "Traceback\x1b[0m"},
            wall_sec=1.5,
        )
    ],
    not_covered=["no case: wmt"],
)


def test_junit_has_a_case_for_each_level_and_every_kind_of_outcome() -> None:
    suite = ElementTree.fromstring(junit.text(REPORT))[0]
    assert suite.attrib == {
        "name": "digits_vit",
        "time": "1.500",
        "tests": "5",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
    }
    kinds = {case.get("name"): [child.tag for child in case] for case in suite}
    assert kinds == {
        "FORWARD": [],
        "GRADIENT": ["failure"],
        "STATE": ["skipped"],
        "TRAJECTORY": [],
        "METRICS": ["error"],
    }
    failure = suite.find("testcase/failure")
    assert failure is not None and failure.get("message") == (
        "digits_vit GRADIENT gradient/head.kernel: error 0.001 > bound 0.0001; "
        "at [0, 2]: 1.0 against <2.0>"
    )


def test_the_page_shows_errors_beside_bounds_steps_and_gaps_and_escapes() -> None:
    found = page.html(REPORT, {})
    for text in (
        "1.0e-03 / 1e-04",
        "equal",
        "not run",
        "at [0, 2]: 1.0 against &lt;2.0&gt;",
        "0: 1.0e-08; 1: 2.0e-07",
        "<li>no case: wmt</li>",
        "No results are recorded",
    ):
        assert text in found
    assert "<2.0>" not in found and "http" not in found and "<script" not in found


def test_the_page_stays_small_whatever_is_compared() -> None:
    many = [
        Measurement(
            level=level, quantity=f"gradient/{'x' * 60}{n}", error=n, bound=1e9, passed=True
        )
        for level in runner.LEVELS
        for n in range(1, 1000)
    ]
    workloads = [WorkloadReport(workload=f"w{n}", measurements=many) for n in range(40)]
    found = page.html(ConformanceReport(workloads=workloads), {})
    assert "0 equal, 999 with an error, of which the first 25 are here" in found
    assert len(found) < 5_000_000


def test_the_page_shows_the_history_of_step_times() -> None:
    def recorded(date: str, jax_sec: float) -> HardwareReport:
        times = {"jax": jax_sec, "pytorch": 2.0}
        backends = [BackendSpeed(backend=b, step=Seconds(median=s)) for b, s in times.items()]
        speeds = [WorkloadSpeed(workload="w", backends=backends), WorkloadSpeed(workload="failed")]
        return HardwareReport(hardware="h", date=date, workloads=speeds)

    found = page.html(REPORT, {"h": [recorded("2026-01-01", 1), recorded("2026-01-02", 3)]})
    assert "<td>w</td><td>0.50</td><td>1.50</td>" in found
    assert "<td>failed</td><td></td><td></td>" in found


def test_what_is_not_covered_is_named() -> None:
    lines = dict(line.split(": ", 1) for line in coverage.missing(REPORT))
    assert "criteo1tb_layernorm" in lines["no case"].split(", ")
    assert "tiny/mnist" in lines["not in this run"].split(", ")
    assert "digits_vit" not in lines["not in this run"].split(", ")
    assert lines["levels not in this run"] == "parameters, data"


def test_levels_that_a_case_leaves_out_are_named() -> None:
    some = ConformanceReport(workloads=[WorkloadReport(workload="mnist")])
    named = [
        line for line in coverage.missing(some) if line.endswith("left out by the case: mnist")
    ]
    assert len(named) == len(runner.LEVELS) - len(runner.load_case("mnist").levels)


def test_results_are_found_by_hardware_and_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "RESULTS", tmp_path)
    for date in ("2026-02-01", "2026-01-01"):
        path = tmp_path / "h" / f"{date}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json_format.MessageToJson(HardwareReport(hardware="h", date=date)))
    assert [r.date for r in history.results()["h"]] == ["2026-01-01", "2026-02-01"]
    (tmp_path / "h" / "2026-03-01.json").write_text('{"hardware": "other"}')
    with pytest.raises(SpecError, match="holds results of other"):
        history.results()


def test_recorded_results_are_readable() -> None:
    assert history.results() is not None


def test_the_command_writes_all_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cases_report(options: object) -> ConformanceReport:
        return ConformanceReport(workloads=REPORT.workloads)

    monkeypatch.setattr(command, "cases_report", cases_report)
    assert command.main(["--report", str(tmp_path)]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "junit.xml", "index.html"}
    written = json_format.ParseDict(
        json.loads((tmp_path / "report.json").read_text()), ConformanceReport()
    )
    assert written.workloads == REPORT.workloads
    assert any(line.startswith("not in this run: ") for line in written.not_covered)
    assert capsys.readouterr().out == (
        "not covered (--report has the names): no case; not in this run; levels not in this run; "
        "step time and memory, never recorded on\n"
    )


def test_golden_vectors_are_compared_without_a_word_on_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "golden_report", lambda options: ConformanceReport())
    assert command.main(["--golden", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_float64_goes_with_golden_vectors_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--float64"])
    assert "goes with --golden" in capsys.readouterr().err


def test_a_golden_report_names_its_one_backend() -> None:
    golden = WorkloadReport(
        workload="mnist",
        backends=["jax"],
        measurements=[Measurement(level=OFFICIAL, quantity="loss", error=1, bound=2, passed=True)],
    )
    assert "mnist (jax)" in page.html(ConformanceReport(workloads=[golden]), {})


def test_a_listed_failure_is_shown_as_expected() -> None:
    case = runner.load_case("digits_vit")
    case.known_failures.append(
        KnownFailure(level=GRADIENT, quantity=FAILING.quantity, message="1.0 against")
    )
    found = WorkloadReport(workload="digits_vit", measurements=[FAILING])
    runner.apply_known_failures(case, found, [GRADIENT])
    expected = page.html(ConformanceReport(workloads=[found]), {}).split("Expected failures")[1]
    assert "<li>digits_vit GRADIENT gradient/head.kernel" in expected
    assert "0 of them with failures" in page.html(ConformanceReport(workloads=[found]), {})


def test_a_wrong_workload_ends_the_command_with_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main(["--workload", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown conformance case")


def test_full_cases_are_run_only_when_asked_for(capsys: pytest.CaptureFixture) -> None:
    assert command.main(["--workload", "mnist", "--scale", "tiny"]) == 2
    assert "no case of scale tiny" in capsys.readouterr().err
