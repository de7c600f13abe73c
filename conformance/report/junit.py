"""A report as JUnit XML, which continuous-integration servers show: a case per workload and level."""

import re
from xml.etree import ElementTree

from conformance import runner
from spec.conformance_pb2 import ConformanceReport, Level

# What XML 1.0 cannot hold; it may stand in a traceback.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(report: ConformanceReport) -> str:
    """The XML document."""
    suites = ElementTree.Element("testsuites", name="conformance")
    for workload in report.workloads:
        name = runner.title(workload)
        suite = ElementTree.SubElement(suites, "testsuite", name=name)
        suite.set("time", f"{workload.wall_sec:.3f}")
        levels = {m.level for m in workload.measurements}
        for level in sorted(levels):
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=Level.Name(level))
            measured = [m for m in workload.measurements if m.level == level]
            failed = [m for m in measured if not m.passed and not m.known_failure]
            if failed:
                lines = [runner.failure_line(workload.workload, m) for m in failed]
                _say(case, "failure", lines[0], "\n".join(lines))
            elif any(m.known_failure for m in measured):
                _say(case, "skipped", "fails as listed", "")
        for level, reason in sorted(workload.not_run.items()):
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=level)
            _say(case, "error", "not run", reason)
        suite.set("tests", str(len(suite)))
        for kind, plural in {
            "failure": "failures",
            "error": "errors",
            "skipped": "skipped",
        }.items():
            suite.set(plural, str(len(suite.findall(f"testcase/{kind}"))))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _say(case: ElementTree.Element, kind: str, message: str, text: str) -> None:
    said = ElementTree.SubElement(case, kind, message=FORBIDDEN.sub("?", message))
    said.text = FORBIDDEN.sub("?", text)
