import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from tools import summarize
from tools.summarize import Counts

MakeResult = Callable[..., summarize.Event]

REPORT = """<testsuites><testsuite>
  <testcase name="a"/>
  <testcase name="b"><failure message="no"/></testcase>
  <testcase name="c"><error/><system-out>text</system-out></testcase>
  <testcase name="d"><skipped/></testcase>
  <testcase name="e"><system-out>text</system-out></testcase>
</testsuite></testsuites>"""
ONE_PASSED = '<testsuite><testcase name="a"/></testsuite>'


@pytest.fixture
def result(tmp_path: pathlib.Path) -> MakeResult:
    """Makes a test result event whose report has the given text (or does not exist)."""

    def make(label: str, status: str, report: str | None, **identity: Any) -> summarize.Event:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))} report.xml"
        if report is not None:
            file.write_text(report)
        return {
            "id": {"testResult": {"label": label, **identity}},
            "testResult": {
                "status": status,
                "testActionOutput": [{"name": "test.xml", "uri": file.as_uri()}],
            },
        }

    return make


def test_counts_every_outcome_of_a_report() -> None:
    assert summarize.count_report(REPORT) == Counts(passed=2, failed=2, skipped=1)


def test_sums_targets_and_shards(result: MakeResult) -> None:
    events = [
        result("//a", "PASSED", ONE_PASSED, shard=1),
        result("//a", "PASSED", ONE_PASSED, shard=2),
        result("//b", "FAILED", REPORT),
    ]
    assert summarize.count_events(events, 3) == Counts(passed=4, failed=2, skipped=1)


def test_the_last_attempt_counts(result: MakeResult) -> None:
    events = [
        result("//a", "FAILED", REPORT, attempt=1),
        result("//a", "PASSED", ONE_PASSED, attempt=2),
    ]
    assert summarize.count_events(events, 0) == Counts(passed=1)


@pytest.mark.parametrize("report", [None, "", "<testsuite><testcase", "<testsuite/>", ONE_PASSED])
def test_a_failure_that_no_report_explains_counts_once(
    result: MakeResult, report: str | None
) -> None:
    counts = summarize.count_events([result("//a", "TIMEOUT", report)], 3)
    assert counts.failed == 1


def test_a_passed_test_without_a_report_is_a_failure(result: MakeResult) -> None:
    assert summarize.count_events([result("//a", "PASSED", None)], 0) == Counts(failed=1)


def test_a_target_that_was_not_built_is_one_failure(result: MakeResult) -> None:
    events: list[summarize.Event] = [
        {"id": {"targetCompleted": {"label": "//broken"}}, "completed": {}},
        {"id": {"targetCompleted": {"label": "//fine"}}, "completed": {"success": True}},
        result("//fine", "PASSED", ONE_PASSED),
    ]
    assert summarize.count_events(events, 1) == Counts(passed=1, failed=1)


def test_a_pattern_that_names_nothing_is_one_failure() -> None:
    events = [{"id": {"pattern": {"pattern": ["//none"]}}, "aborted": {"reason": "LOADING"}}]
    assert summarize.count_events(events, 1) == Counts(failed=1)


def test_an_exit_status_that_no_event_explains_is_one_failure(result: MakeResult) -> None:
    assert summarize.count_events([], 1) == Counts(failed=1)
    passed = result("//a", "PASSED", ONE_PASSED)
    assert summarize.count_events([passed], 1) == Counts(passed=1, failed=1)


def test_events_that_end_in_the_middle_of_a_line_are_read(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "events"
    file.write_text(json.dumps({"id": {}}) + '\n{"id": {"testRes')
    assert list(summarize.read_events(file)) == [{"id": {}}]
