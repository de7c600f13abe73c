"""What the tests of both frameworks do with submissions that have to be run."""

from pathlib import Path

from harness import submission
from preflight.examination import Examination
from preflight.findings import Finding, merged
from preflight.wrong_submissions import GOOD, Wrong, write
from spec.submission_pb2 import Framework

WORKLOAD = "tiny/mnist"


def of_framework(framework: str, wrongs: list[Wrong]) -> list[Wrong]:
    return [wrong for wrong in wrongs if wrong.framework == framework]


def examined(folder: Path, framework: str) -> list[Finding]:
    """All findings of running a submission on one workload."""
    value = Framework.Value(framework.upper())
    examination = Examination(submission.find("", folder, value), value, renamed=[WORKLOAD])
    return merged([*examination.batch_sizes(num_accelerators=4), *examination.rehearse([WORKLOAD])])


def check_good(framework: str, parent: Path) -> None:
    """A good submission has no findings."""
    assert not examined(write(parent, "good", framework, GOOD[framework]), framework)


def check_wrong(wrong: Wrong, parent: Path) -> None:
    """A bad one is found under its rule and no other, in its file."""
    findings = examined(wrong.write(parent), wrong.framework)
    assert findings
    assert {finding.rule for finding in findings} == {wrong.rule}
    assert {finding.path for finding in findings} == {f"submission_{wrong.framework}.py"}
