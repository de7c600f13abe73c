"""Sums the reports of a `bazel test` run; its last line is `N passed, N failed`.

    python summarize.py EVENTS --exit-status STATUS

EVENTS is what Bazel wrote for --build_event_json_file: one JSON object per line. It names the
report (test.xml) of every test that this run asked for, also of those whose result was cached.
Standard library only: this runs with the machine's own Python.
"""

import argparse
import collections
import json
import pathlib
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

Event = dict[str, Any]


class Counts(NamedTuple):
    """Numbers of test cases."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: "Counts") -> "Counts":
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def read_events(path: pathlib.Path) -> Iterator[Event]:
    """The events of `path`; a last line cut short by a kill is left out."""
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            return


def count_report(xml: str) -> Counts:
    """Test cases of one JUnit report."""
    cases: collections.Counter[str] = collections.Counter()
    for case in ElementTree.fromstring(xml).iter("testcase"):
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            cases["failed"] += 1
        elif "skipped" in outcomes:
            cases["skipped"] += 1
        else:
            cases["passed"] += 1
    return Counts(cases["passed"], cases["failed"], cases["skipped"])


def count_result(result: Event) -> Counts:
    """Test cases of one test process; one failure if it failed and no report says why."""
    uris = [o["uri"] for o in result.get("testActionOutput", []) if o["name"] == "test.xml"]
    counts = Counts()
    try:
        for uri in uris:
            path = urllib.request.url2pathname(urllib.parse.urlparse(uri).path)
            counts = counts.plus(count_report(pathlib.Path(path).read_text()))
    except (OSError, ElementTree.ParseError):
        uris = []
    unexplained = result["status"] != "PASSED" and counts.failed == 0
    if unexplained or not uris:
        return counts.plus(Counts(failed=1))
    return counts


def count_events(events: Iterable[Event], exit_status: int) -> Counts:
    """Totals of a run. Whatever kept a target from being built or run counts as one failure.

    A target may have several results (shards, attempts); of several attempts the last counts.
    """
    results: dict[tuple[str, int, int], Event] = {}
    broken: set[str] = set()
    for event in events:
        identity = event["id"]
        if "testResult" in identity:
            test = identity["testResult"]
            key = (test["label"], test.get("run", 1), test.get("shard", 1))
            results[key] = event.get("testResult", {"status": "NO_STATUS"})
        elif "targetCompleted" in identity and not event.get("completed", {}).get("success"):
            broken.add(identity["targetCompleted"]["label"])
        elif "pattern" in identity and "aborted" in event:
            broken.update(identity["pattern"].get("pattern", ["pattern"]))

    counts = Counts(failed=len(broken - {label for label, _, _ in results}))
    for result in results.values():
        counts = counts.plus(count_result(result))
    if exit_status != 0 and counts.failed == 0:
        counts = counts.plus(Counts(failed=1))  # For example a BUILD file that does not parse.
    return counts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("events", type=pathlib.Path)
    parser.add_argument("--exit-status", type=int, required=True, help="of Bazel")
    arguments = parser.parse_args()
    counts = count_events(read_events(arguments.events), arguments.exit_status)
    if counts.skipped:
        print(f"{counts.skipped} skipped")
    print(f"{counts.passed} passed, {counts.failed} failed")


if __name__ == "__main__":
    main()
